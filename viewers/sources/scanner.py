"""Which scanner made a slide, as a key under which its size of a pixel can be remembered."""

from __future__ import annotations

from collections.abc import Mapping

from viewers.sources.safe_xml import words

_NAMES = (
    ("aperio.ScanScope ID",),
    ("hamamatsu.Product", "hamamatsu.NDP.S/N"),
    ("leica.device-model", "leica.device-version"),
    ("ventana.ScannerModel", "ventana.UnitNumber"),
    ("philips.DICOM_MANUFACTURERS_MODEL_NAME", "philips.DICOM_DEVICE_SERIAL_NUMBER"),
    ("dicom.Manufacturer", "dicom.ManufacturerModelName", "dicom.DeviceSerialNumber"),
    ("tiff.Make", "tiff.Model", "tiff.Software"),
)
"""OpenSlide's properties that together name one device; the first line of which a slide has anything counts."""


def scanner_of(properties: Mapping[str, str], objective: float | None) -> str:
    """Maker, device and objective, "aperio SS1302 20×" for example; "" for a slide that names no device.

    The objective belongs to it: one device scans at several, and each has a size of a pixel of its own.
    """
    vendor = words(properties.get("openslide.vendor", ""))
    for names in _NAMES:
        parts = [found for name in names if (found := words(properties.get(name, "")))]
        if parts:
            return at_objective(
                " ".join(dict.fromkeys([*([] if vendor in ("generic-tiff", "dicom") else [vendor]), *parts])), objective
            )
    return ""


def at_objective(device: str, objective: float | None) -> str:
    """A device's key with the objective that it scanned at."""
    return f"{device} {objective:g}×" if device and objective else device
