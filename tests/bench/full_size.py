"""MedGemma 4B at its real size with random weights: does the published layout load, how long, in how much memory, how fast.

python packaging/dev.py bench full-size [none,int8,int4]

Random weights measure speed and memory as well as trained ones. About 20 GB of disk and 14 GB of memory are needed. The words
are the tests' small tokenizer's; every shape is the 4B's. The file is written in shards of 2 GB, imported by the same function as
`hilum models import`, and every precision runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench.results_file import Row, write

MODEL = "medgemma-4b-it"
TOKENS = 24
WORK = """
import json, sys, time
from pathlib import Path
import numpy as np
from inference.engine import Engine, EngineSpec
from inference.questions import Decoding, FreeQuestion, Picture
pixels = np.random.default_rng(0).integers(0, 256, (896, 896, 3), np.uint8)
engine = Engine(EngineSpec(drafter=sys.argv[1], quantisation=sys.argv[2], device="cpu", threads=2, pictures_on_disk=0))
began, stages, tokens = time.monotonic(), {}, []
def watch(progress):
    stages.setdefault(progress.stage, time.monotonic() - began)
    if progress.text:
        tokens.append(time.monotonic() - began)
question = FreeQuestion("Describe.", Decoding(max_tokens=int(sys.argv[3])))
receipt = engine.answer(question, [Picture(pixels, "cxr")], on_progress=watch).receipt
status = Path("/proc/self/status").read_text().splitlines()
own = {line.split(":")[0]: int(line.split()[1]) / 2**20 for line in status if line.startswith(("Vm", "Rss"))}
print(json.dumps({"stages": stages, "tokens": tokens, "peak": own["VmHWM"], "held": own["RssAnon"], "mapped": own["RssFile"],
                  "receipt": f"{receipt.quantisation}, {receipt.dtype}"}))
"""


def main() -> None:
    wanted = sys.argv[1].split(",") if len(sys.argv) > 1 else ["none", "int8", "int4"]
    folder = Path(tempfile.mkdtemp(prefix="hilum-full-size-"))
    os.environ["HILUM_HOME"] = str(folder / "home")
    try:
        rows = [*_installed(folder / "published")]
        shutil.rmtree(folder / "published")
        for quantisation in wanted:
            rows += _measured(quantisation)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    write("full-size", rows, {})


def _installed(published: Path) -> Sequence[Row]:
    """Writes the checkpoint and imports it."""
    from inference import catalogue
    from inference.modelfiles import shards

    write_model(published)
    files = shards(published)
    size = sum(path.stat().st_size for path in files) / 1e9
    began = time.monotonic()
    catalogue.import_folder(MODEL, published)
    return [Row(f"import of {size:.1f} GB in {len(files)} shards: checked, hashed, copied", time.monotonic() - began, "s")]


def write_model(folder: Path, device: str = "cpu") -> None:
    """The 4B's shapes (arXiv 2507.05201, config.json as published), bfloat16, random, drawn on `device`."""
    import torch
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration
    from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil

    from tests.inference.tiny import gemma_processor

    processor = gemma_processor()
    processor.image_processor = Gemma3ImageProcessorPil(
        size={"height": 896, "width": 896}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor.image_seq_length = 256
    tokenizer: Any = processor.tokenizer
    config = Gemma3Config(
        text_config={
            "vocab_size": 262_208, "hidden_size": 2560, "intermediate_size": 10_240, "num_hidden_layers": 34,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256, "query_pre_attn_scalar": 256,
            "sliding_window": 1024, "sliding_window_pattern": 6, "max_position_embeddings": 131_072,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
        },
        vision_config={
            "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27,
            "num_attention_heads": 16, "image_size": 896, "patch_size": 14, "vision_use_head": False,
        },
        mm_tokens_per_image=256, eos_token_id=1, boi_token_index=tokenizer.boi_token_id,
        eoi_token_index=tokenizer.eoi_token_id, image_token_index=tokenizer.image_token_id,
    )  # fmt: skip
    with torch.device("meta"):
        model = Gemma3ForConditionalGeneration(config).to(torch.bfloat16)
    model = model.to_empty(device=device)
    model.tie_weights()
    with torch.no_grad():
        for weight in model.parameters():
            weight.uniform_(-0.02, 0.02) if weight.ndim > 1 else weight.zero_()
        for name, buffer in model.named_buffers():
            if "position_ids" in name:
                buffer.copy_(torch.arange(buffer.shape[-1], device=device).expand_as(buffer))
    model.generation_config.eos_token_id = [1, tokenizer.convert_tokens_to_ids("<end_of_turn>")]
    folder.mkdir(parents=True)
    model.to("cpu").save_pretrained(folder, max_shard_size="2GB")
    processor.save_pretrained(folder)


def _measured(quantisation: str) -> list[Row]:
    done = subprocess.run(
        [sys.executable, "-c", WORK, MODEL, quantisation, str(TOKENS)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return [
            Row(f"{quantisation}: an answer about a picture of 896 px", 0.0, "", "an answer", done.stderr.strip()[-200:], False)
        ]
    found = json.loads(done.stdout.splitlines()[-1])
    seen, times = found["stages"]["reading pictures"], found["tokens"]
    name = "bf16" if quantisation == "none" else quantisation
    rate = (len(times) - 1) / (times[-1] - times[0])
    return [
        Row(f"{name}: loading, until the picture is read", seen, "s", "", found["receipt"]),
        Row(f"{name}: picture and prompt read, first token", times[0] - seen, "s"),
        Row(f"{name}: tokens a second on the CPU", rate, "/s", "", f"{len(times)} tokens"),
        Row(
            f"{name}: memory held",
            found["held"],
            "GiB",
            "",
            f"and {found['mapped']:.1f} of mapped files; at most {found['peak']:.1f}",
        ),
    ]


if __name__ == "__main__":
    main()
