"""Published layouts that the other tiny checkpoints do not have: text alone, no turns, another tokenizer class."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import numpy as np

from inference import catalogue, modelfiles
from inference.medgemma import Drafter
from inference.medsiglip import Encoder
from inference.questions import Decoding
from tests.inference import tiny


def test_a_model_without_eyes_reads_words(tmp_path: Path) -> None:
    from transformers import Gemma3ForCausalLM

    processor = tiny.gemma_processor()
    Gemma3ForCausalLM(tiny.gemma_model(processor.tokenizer).config.text_config).save_pretrained(tmp_path)
    processor.tokenizer.chat_template = tiny.TEMPLATE
    processor.tokenizer.save_pretrained(tmp_path)
    assert modelfiles.check(tmp_path, ("Gemma3ForCausalLM",)) == []
    drafter = Drafter(tmp_path, catalogue.entry("medgemma-27b-text-it"), "cpu")
    messages = (("user", ("What is an effusion? <end_of_turn>",)),)
    written = drafter.write(messages, [], Decoding(5), lambda _: None, threading.Event())
    assert written.prompt == ("<bos><start_of_turn>user\nWhat is an effusion? <end_of_turn><end_of_turn>\n<start_of_turn>model\n")
    ids = drafter.prompt(messages, 0).tolist()
    assert ids.count(drafter.tokenizer.convert_tokens_to_ids("<end_of_turn>")) == 1
    assert written.tokens > 0


def test_a_pretrained_model_reads_its_picture_and_its_words_without_turns(gemma_folder: Path) -> None:
    drafter = Drafter(gemma_folder, catalogue.entry("medgemma-4b-pt"), "cpu")
    messages = (("plain", (None, "cough <start_of_image> findings:")),)
    written = drafter.write(messages, [tiny.picture().pixels], Decoding(5), lambda _: None, threading.Event())
    assert written.prompt == "<bos>\n\n<start_of_image><image_soft_token>×16<end_of_image>\n\ncough   findings:"


def test_a_tokenizer_that_names_another_class_reads_the_same(siglip_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(siglip_folder, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"tokenizer_class": "SiglipTokenizer"}))
    entry = catalogue.entry(tiny.ENCODER)
    one, other = (Encoder(place, entry, "", "cpu", 1, "torch") for place in (siglip_folder, folder))
    assert np.array_equal(one.ids(["left pleural effusion"]), other.ids(["left pleural effusion"]))
