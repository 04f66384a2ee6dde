"""Which kind of map a file is, by what it holds."""

from __future__ import annotations

from pathlib import Path

from viewers.errors import SourceError
from viewers.maps import Ground, ValueMap
from viewers.sources.opening import beginning
from viewers.sources.tiff import TIFF

KINDS = "a CSV table (minx, miny, width, height, prob_…), an HDF5 file of CLAM, TRIDENT or WSInfer, GeoJSON tiles, a TIFF or .npy"


def opened(path: Path, ground: Ground) -> tuple[ValueMap, ...]:
    """Raises SourceError."""
    if path.is_dir():
        raise SourceError(path, f"{path.name} is a folder: open a file inside it, {KINDS}.")
    start = beginning(path)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        from viewers.maps import hdf5

        return hdf5.opened(path, ground)
    if start.startswith(b"\x93NUMPY"):
        from viewers.maps import rasters

        return rasters.opened_npy(path, ground)
    if start.startswith(TIFF):
        from viewers.maps import rasters

        return rasters.opened_tiff(path, ground)
    if start[128:132] == b"DICM":
        from viewers.maps import dicom_reading

        return dicom_reading.opened(path, ground)
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        from viewers.maps import geojson

        return geojson.opened(path, ground)
    if b"minx" in start and b"\0" not in start:
        from viewers.maps import tables

        return tables.opened(path, ground)
    raise SourceError(path, f"{path.name} is no map that Hilum knows: open {KINDS}.")
