"""One frame of DICOM pixel data to stored values: a table of transfer syntaxes and what decodes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError, reading
from viewers.sources import values
from viewers.sources.header import NATIVE, Header, opened
from viewers.sources.inflate import InflateError, inflated

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.pixels.decoders.base import Decoder

_UID = "1.2.840.10008.1.2"
_JPEG = {f"{_UID}.4.{number}" for number in range(50, 67)} | {f"{_UID}.4.70"}
_JPEG_LS = {f"{_UID}.4.80", f"{_UID}.4.81"}
_JPEG_2000 = {f"{_UID}.4.{number}" for number in (90, 91, 201, 202, 203)}
_JPEG_XL = {f"{_UID}.4.{number}" for number in (110, 111, 112)}
_RLE = f"{_UID}.5"
_DEFLATED_FRAME = f"{_UID}.8.1"
_LOSSY = {f"{_UID}.4.{n}" for n in (50, 51, 52, 53, 54, 55, 56, 81, 91, 93, 203, 112)}
_PLUGIN = dict.fromkeys(_JPEG_2000, "pylibjpeg") | dict.fromkeys(_JPEG_LS, "pyjpegls") | {_RLE: "pylibjpeg"}


def lossy(dataset: Dataset, syntax: str) -> bool:
    """Whether the pixels were compressed with loss, by the header's own word or by the transfer syntax."""
    return values.text(dataset, "LossyImageCompression") == "01" or syntax in _LOSSY


def decoded(header: Header, frame: int) -> NDArray[np.generic]:
    """Stored values of one frame: (height, width) or RGB (height, width, 3); native byte order, right sign.

    Raises SourceError when the syntax is unknown or the data are damaged.
    """
    path = header.path
    try:
        with reading(path):
            pixels = _decoded(header, _encoded(header, frame), frame)
    except SourceError:
        raise
    except InflateError as error:
        raise SourceError(path, f"{path.name} {error}: it is damaged or hostile, export it again.") from error
    except Exception as error:  # codecs name no closed list of what damage raises
        what = f"frame {frame + 1} of {path.name}" if header.frames > 1 else f"the picture in {path.name}"
        raise SourceError(path, f"{what} is damaged or cut short ({syntax_name(header.syntax)}): export it again.") from error
    wanted = (header.size.height, header.size.width) + ((3,) if header.samples == 3 else ())
    if pixels.shape != wanted:
        raise SourceError(path, f"{path.name} holds {pixels.shape} values where its header says {wanted}: export it again.")
    return pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))


def syntax_name(uid: str) -> str:
    from pydicom.uid import UID

    name = UID(uid).name if uid else "no transfer syntax stated"
    return "private or unknown transfer syntax" if name == uid else name


def _encoded(header: Header, frame: int) -> bytes:
    """The bytes of one frame as they stand in the file."""
    from pydicom.encaps import get_frame

    element = header.pixels
    with opened(header.path) as file:
        file.seek(element.offset)
        if not header.native:
            frames = header.frames
            offsets = values.raw(header.dataset, "ExtendedOffsetTable"), values.raw(header.dataset, "ExtendedOffsetTableLengths")
            extended = cast("tuple[bytes, bytes] | None", offsets if all(isinstance(one, bytes) for one in offsets) else None)
            return bytes(get_frame(file, frame, number_of_frames=frames, extended_offsets=extended))
        if header.allocated == 1:
            return file.read((header.frame_bits * header.frames + 7) // 8)
        size = header.frame_bits // 8
        file.seek(element.offset + size * frame)
        return file.read(size + size % 2)[: None if header.pixels.vr == "OW" else size]  # words may be swapped


def _decoded(header: Header, data: bytes, frame: int) -> NDArray[np.generic]:
    syntax = header.syntax or _UID
    if header.pixels.keyword != "PixelData":
        kind = np.dtype(f"{'<' if header.little_endian else '>'}f{header.allocated // 8}")
        return np.frombuffer(data, kind).reshape(header.size.height, header.size.width)
    if header.allocated == 1 and syntax in NATIVE:
        count = header.size.width * header.size.height
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return bits[frame * count : (frame + 1) * count].reshape(header.size.height, header.size.width)
    if syntax in _JPEG:
        return _signed(header, _jpeg(header, data))
    if syntax in _JPEG_XL:
        import imagecodecs

        return _signed(header, imagecodecs.jpegxl_decode(data))
    if syntax == _DEFLATED_FRAME:
        return _by_pydicom(header, f"{_UID}.1", inflated(data)[: (header.frame_bits + 7) // 8])
    if syntax in NATIVE:
        return _by_pydicom(header, f"{_UID}.1" if syntax.endswith(".99") else syntax, data)
    if syntax in _PLUGIN:
        return _by_pydicom(header, syntax, data)
    raise SourceError(
        header.path, f"{header.path.name} is stored as {syntax_name(syntax)}, which Hilum cannot read: export it uncompressed."
    )


def _jpeg(header: Header, data: bytes) -> NDArray[np.generic]:
    """Every process of ISO 10918-1. Colour comes out as RGB: YBR by the photometric interpretation or an Adobe marker."""
    import imagecodecs
    from pydicom.pixels.utils import _get_jpg_parameters

    stated = _get_jpg_parameters(data)
    _checked(header, stated.get("width"), stated.get("height"))
    if header.samples == 1:
        return imagecodecs.jpeg8_decode(data)
    adobe = stated.get("app", {}).get(b"\xff\xee", b"")
    letters = stated.get("component_ids") in ([82, 71, 66], [114, 103, 98])
    transformed = adobe[11] != 0 if adobe.startswith(b"Adobe") and len(adobe) >= 12 else header.photometric.startswith("YBR")
    return imagecodecs.jpeg8_decode(data, colorspace="YCBCR" if transformed and not letters else "RGB", outcolorspace="RGB")


def _signed(header: Header, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Codecs without a sign return two's complement as unsigned: taken back to BitsStored bits."""
    if values.integer(header.dataset, "PixelRepresentation") != 1 or pixels.dtype.kind != "u":
        return pixels
    spare = 8 * pixels.dtype.itemsize - min(header.stored, 8 * pixels.dtype.itemsize)
    return (pixels << spare).view(f"i{pixels.dtype.itemsize}") >> spare  # type: ignore[operator, no-any-return]


def _by_pydicom(header: Header, syntax: str, data: bytes) -> NDArray[np.generic]:
    from pydicom.encaps import encapsulate
    from pydicom.pixels import get_decoder

    if syntax in _JPEG_2000:
        _checked(header, *_j2k_size(data))
    decoder: Decoder = get_decoder(syntax)
    options: dict[str, Any] = {
        "rows": header.size.height, "columns": header.size.width, "number_of_frames": 1,
        "samples_per_pixel": header.samples, "photometric_interpretation": header.photometric,
        "pixel_representation": values.integer(header.dataset, "PixelRepresentation") or 0,
        "bits_allocated": header.allocated, "bits_stored": header.stored, "pixel_keyword": "PixelData",
        "planar_configuration": values.integer(header.dataset, "PlanarConfiguration") or 0, "pixel_vr": header.pixels.vr,
        "decoding_plugin": _PLUGIN.get(syntax, ""),
    }  # fmt: skip
    colour = header.samples == 3
    try:
        pixels, _ = decoder.as_array(encapsulate([data]) if syntax in _PLUGIN else data, raw=not colour, as_rgb=colour, **options)
    except Exception:
        if syntax not in _JPEG_2000:
            raise
        import imagecodecs

        pixels = _signed(header, imagecodecs.jpeg2k_decode(data))  # a second implementation of the same standard
    return cast("NDArray[np.generic]", pixels)


def _checked(header: Header, width: int | None, height: int | None) -> None:
    """A codestream may claim another size than the header; it is refused before anything of that size is made."""
    if width is None or height is None:
        raise ValueError("the codestream has no header")
    if (width, height) != (header.size.width, header.size.height):
        raise SourceError(
            header.path,
            f"{header.path.name} holds a picture of {width} × {height} pixels where its header says "
            f"{header.size.width} × {header.size.height}: export it again.",
        )


def _j2k_size(data: bytes) -> tuple[int, int]:
    """Width and height out of the SIZ marker (ISO 15444-1 A.5.1), which follows the start of the codestream."""
    at = data.find(b"\xff\x4f\xff\x51")
    right, bottom, left, top = struct.unpack(">IIII", data[at + 8 : at + 24] if at >= 0 else b"")
    return right - left, bottom - top
