"""Frames of a DICOM image as stored values, decoded by the reader processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.readers.pool import SECONDS, readers
from viewers.readers.work import plain
from viewers.sources import codecs, values
from viewers.sources.header import Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_SECONDS_A_MEGAPIXEL = 1.0
_LEAST_PREVIEW = 2_000_000
"""Pixels below which the exact picture is there soon enough."""


def lossy(dataset: Dataset, syntax: str) -> bool:
    """Whether the pixels were compressed with loss, by the header's own word or by the transfer syntax."""
    return values.text(dataset, "LossyImageCompression") == "01" or syntax in codecs.LOSSY


def decoded(header: Header, frame: int, *, urgent: bool = True) -> NDArray[np.generic]:
    """Stored values of one frame: (height, width) or RGB (height, width, 3); native byte order, right sign.

    What is not `urgent` waits for what is. Raises SourceError when the syntax is unknown or the data are damaged.
    """
    path, syntax = header.path, header.syntax
    if not header.coded.native and syntax not in codecs.DECODERS:
        raise SourceError(
            path, f"{path.name} is stored as {syntax_name(syntax)}, which Hilum cannot read: export it uncompressed."
        )
    pixels = _read(header, frame, 0, urgent)
    if pixels.shape != header.coded.shape:
        raise SourceError(path, f"{path.name} holds {pixels.shape} values where its header says another size: export it again.")
    return pixels


def has_preview(header: Header) -> bool:
    """Whether a frame is so large and so stored that a smaller picture of it is there sooner."""
    coded = header.coded
    large = coded.size[0] * coded.size[1] >= _LEAST_PREVIEW
    return large and coded.samples == 1 and coded.syntax in codecs.JPEG_2000 | codecs.HTJ2K


def preview(header: Header, frame: int, halvings: int) -> NDArray[np.generic] | None:
    """A large grey frame at 1/2ⁿ of its size as the codec itself holds it, decoded from less; for a first look, never for values.

    None where the codestream holds none.
    """
    try:
        return _read(header, frame, halvings, True) if has_preview(header) else None
    except SourceError:
        return None


def _read(header: Header, frame: int, halvings: int, urgent: bool) -> NDArray[np.generic]:
    width, height = header.coded.size
    item = {
        "path": str(header.path), "state": header.state, "coded": plain(header.coded), "frame": frame,
        "offset": header.offset, "ranges": header.ranges(frame), "halvings": halvings,
    }  # fmt: skip
    answer = readers().ask("frame", [item], SECONDS + _SECONDS_A_MEGAPIXEL * width * height / 1e6, urgent=urgent)[0]
    if isinstance(answer, SourceError):
        raise answer
    pixels: NDArray[np.generic] = answer[1][0]
    return pixels


def syntax_name(uid: str) -> str:
    from pydicom.uid import UID

    name = UID(uid).name if uid else "no transfer syntax stated"
    return "private or unknown transfer syntax" if name == uid else name
