"""What torch and ONNX Runtime can really use here, found by using it. `python -m inference.accelerators` prints it as JSON.

Runs in a process of its own: it imports everything, and a broken driver may end it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def torch_facts() -> dict[str, Any]:
    """`cuda_built` is the CUDA version torch was built with, "" for none; `devices` are those that multiplied two matrices
    rightly; `bfloat16` says whether the first of them, or the processor, has it in hardware."""
    try:
        import torch

        from inference.device import native_bfloat16

        devices, wrong = [], ""
        for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
            try:
                ones = torch.ones(64, 64, device=f"cuda:{index}")
                if float((ones @ ones)[0, 0]) == 64.0:
                    devices.append(torch.cuda.get_device_name(index))
            except RuntimeError as error:
                wrong = _words(error)
        place = torch.device("cuda" if devices else "cpu")
        built = torch.version.cuda or ""
        return {
            "version": torch.__version__,
            "cuda_built": built,
            "devices": devices,
            "bfloat16": native_bfloat16(place),
            "error": wrong,
        }
    except (ImportError, OSError, RuntimeError) as error:
        return {"version": "", "cuda_built": "", "devices": [], "bfloat16": False, "error": _words(error)}


def onnxruntime_facts() -> dict[str, Any]:
    """`offered` are the providers this build lists, `usable` those in which a small model gave the right answer."""
    try:
        import numpy as np
        import onnxruntime
    except (ImportError, OSError) as error:
        return {"version": "", "offered": [], "usable": [], "error": _words(error)}
    onnxruntime.set_default_logger_severity(4)
    model, usable, wrong = _doubling(), [], ""
    for provider in onnxruntime.get_available_providers():
        try:
            session = onnxruntime.InferenceSession(model, providers=[provider])
            answer = session.run(None, {"x": np.ones(2, np.float32)})[0]
            if session.get_providers()[0] == provider and float(answer.sum()) == 4.0:
                usable.append(provider)
        except Exception as error:  # the library's own classes differ from build to build
            wrong = _words(error)
    offered = list(onnxruntime.get_available_providers())
    return {"version": onnxruntime.__version__, "offered": offered, "usable": usable, "error": wrong}


def _doubling() -> bytes:
    """A model that adds x to itself."""
    from onnx import TensorProto, helper

    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", sides[:1], sides[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(made.SerializeToString())


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def main() -> None:
    """Prints one JSON object, {"torch": …, "onnxruntime": …}, and nothing else on stdout."""
    stdout = os.dup(1)
    os.dup2(2, 1)  # libraries write to the file descriptor
    found = {"torch": torch_facts(), "onnxruntime": onnxruntime_facts()}
    sys.stdout.flush()
    os.write(stdout, json.dumps(found).encode())


if __name__ == "__main__":
    main()
