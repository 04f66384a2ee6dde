"""DICOM files whose pixels are replaced by given codestreams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEG2000Lossless

_STAND_INS = {22: "1.2.840.10008.1.2.4.90", 24: "1.2.840.10008.1.2.4.201"}
"""By length: what pydicom writes without a question, to be replaced by a syntax that it may not know."""


def compressed(path: Path, stream: bytes | Sequence[bytes], syntax: str = JPEG2000Lossless, **values: object) -> Path:
    """The file with its pixels replaced by encapsulated frames, one to a fragment, in any transfer syntax."""
    new = syntax.encode()
    new += b"\0" * max(len(new) % 2, 22 - len(new))
    stand_in = _STAND_INS[len(new)]
    dataset = pydicom.dcmread(path)
    dataset.PixelData = encapsulate([stream] if isinstance(stream, bytes) else list(stream))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(stand_in)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    data = path.read_bytes()
    path.write_bytes(data.replace(stand_in.encode().ljust(len(new), b"\0"), new, 1))
    return path
