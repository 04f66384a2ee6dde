"""Waveforms of a DICOM object as values in their own units (PS3.3 C.10.9). No Qt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.errors import SourceError
from viewers.plain_text import one_line
from viewers.sources import values

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_CLASSES = "1.2.840.10008.5.1.4.1.1.9."
SOP_CLASSES = {
    f"{_CLASSES}1.1": "12-lead ECG", f"{_CLASSES}1.2": "General ECG", f"{_CLASSES}1.3": "Ambulatory ECG",
    f"{_CLASSES}1.4": "General 32-bit ECG", f"{_CLASSES}2.1": "Hemodynamic", f"{_CLASSES}3.1": "Cardiac electrophysiology",
    f"{_CLASSES}5.1": "Arterial pulse", f"{_CLASSES}6.1": "Respiratory", f"{_CLASSES}6.2": "Multi-channel respiratory",
    f"{_CLASSES}7.1": "Routine EEG", f"{_CLASSES}7.2": "Electromyogram", f"{_CLASSES}7.3": "Electrooculogram",
    f"{_CLASSES}7.4": "Sleep EEG",
}  # fmt: skip
"""Kinds of waveforms that can be shown, by SOP Class UID; voice is none of them."""
MOST_VALUES = 2**28
MOST_CHANNELS = 512
MOST_S = 100 * 86_400.0
MOST_VALUE = 1e12
"""What is larger is no measurement but a damaged header, and is left out of the trace."""
_KINDS = {
    (8, "SB"): "i1", (8, "UB"): "u1", (16, "SS"): "<i2", (16, "US"): "<u2", (32, "SL"): "<i4", (32, "UL"): "<u4",
}  # fmt: skip
"""By WaveformBitsAllocated and WaveformSampleInterpretation (C.10.9.1.5); companded sound is none of them."""
_MILLIVOLTS = {"uV": 1e-3, "mV": 1.0, "V": 1e3, "nV": 1e-6}
_LEADS = {
    1: "I", 2: "II", 3: "V1", 4: "V2", 5: "V3", 6: "V4", 7: "V5", 8: "V6", 9: "V7", 61: "III", 62: "aVR", 63: "aVL", 64: "aVF",
    65: "−aVR", 66: "V8", 67: "V9", 11: "V3R", 12: "V4R", 13: "V5R", 14: "V6R",
}  # fmt: skip
"""Numbers of SCP-ECG leads, which end the codes of both its own scheme (5.6.3-9-n) and ISO/IEEE 11073's (2:n)."""
_WORDED = re.compile(r"(?<![\w\-\u2212])(?:lead\s+)?(aV[RLF]|V[1-9]R?|III|II|I)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """`values` are float32 in `unit`, NaN where the object states padding; `skew_s` is how much later they were taken."""

    name: str
    unit: str
    values: NDArray[np.float32]
    millivolts: float | None
    """Millivolts per unit; None for what is no voltage."""
    skew_s: float = 0.0
    filters: str = ""
    """Band and notch as stated, "" where nothing is."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One multiplex group: channels sampled together."""

    label: str
    frequency_hz: float
    channels: tuple[Channel, ...]
    derived: bool = False

    @property
    def duration_s(self) -> float:
        return len(self.channels[0].values) / self.frequency_hz

    def lead(self, name: str) -> int | None:
        """The channel of this name."""
        return next((number for number, one in enumerate(self.channels) if one.name == name), None)


def groups_of(path: Path, dataset: Dataset) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """All groups that can be shown, and a sentence for each that cannot. Raises SourceError where none can."""
    groups, notes = list[Group](), list[str]()
    items = values.items(dataset, "WaveformSequence")
    if not items:
        raise SourceError(path, f"{path.name} holds no waveform: it was cut short or emptied, export it again.")
    failure: SourceError | None = None
    for number, item in enumerate(items, 1):
        try:
            groups.append(_group(path, item, number))
        except SourceError as error:
            failure = failure or error
            notes.append(f"Group {number} is left out: {error}")
    if not groups:
        assert failure is not None
        raise failure
    return tuple(groups), tuple(notes)


def _group(path: Path, item: Dataset, number: int) -> Group:
    channels, samples = values.integer(item, "NumberOfWaveformChannels"), values.integer(item, "NumberOfWaveformSamples")
    frequency = values.number(item, "SamplingFrequency")
    defined = values.items(item, "ChannelDefinitionSequence")
    if not channels or channels < 0 or channels != len(defined):
        raise SourceError(
            path, f"{path.name} states {channels} channels and defines {len(defined)} of its waveform: export it again."
        )
    if not samples or samples < 0 or not frequency or frequency <= 0:
        raise SourceError(
            path, f"{path.name} states {samples} samples at {frequency} Hz, which makes no waveform: export it again."
        )
    if channels > MOST_CHANNELS or samples / frequency > MOST_S:
        raise SourceError(
            path,
            f"{path.name} claims {channels:,} channels for {samples / frequency / 86_400:.3g} days, more than the limits of "
            f"{MOST_CHANNELS} and {MOST_S / 86_400:.0f}: check its header.",
        )
    if channels * samples > MOST_VALUES:
        raise SourceError(path, f"{path.name} claims {channels * samples:,} samples, more than can be shown: check its header.")
    stored = _stored(path, item, channels, samples)
    padding = values.raw(item, "WaveformPaddingValue")
    holes = _holes(stored, padding)
    label = values.code(item, "MultiplexGroupLabel") or f"group {number}"
    return Group(
        label,
        frequency,
        tuple(_channel(one, stored[:, place], holes[:, place], place, frequency) for place, one in enumerate(defined)),
        values.code(item, "WaveformOriginality") == "DERIVED",
    )


def _stored(path: Path, item: Dataset, channels: int, samples: int) -> NDArray[np.generic]:
    """(samples, channels) as stored (C.10.9.1.7)."""
    bits, form = values.integer(item, "WaveformBitsAllocated"), values.code(item, "WaveformSampleInterpretation")
    kind = _KINDS.get((bits or 0, form))
    if kind is None:
        raise SourceError(
            path, f"{path.name} stores its waveform as {form or 'nothing stated'} of {bits} bits, which cannot be shown."
        )
    data = values.raw(item, "WaveformData")
    data = data if isinstance(data, bytes) else b""
    needed = channels * samples * np.dtype(kind).itemsize
    if len(data) < needed:
        raise SourceError(
            path, f"{path.name} is cut short: {len(data):,} of {needed:,} bytes of its waveform are there; copy it again."
        )
    return np.frombuffer(data[:needed], kind).reshape(samples, channels)


def _holes(stored: NDArray[np.generic], padding: object) -> NDArray[np.bool_]:
    if not isinstance(padding, bytes) or len(padding) < stored.dtype.itemsize:
        return np.zeros(stored.shape, bool)
    holes: NDArray[np.bool_] = stored == np.frombuffer(padding[: stored.dtype.itemsize], stored.dtype)[0]
    return holes


def _channel(item: Dataset, stored: NDArray[np.generic], holes: NDArray[np.bool_], place: int, frequency: float) -> Channel:
    """Values as sample · sensitivity · correction + baseline (C.10.9.1.4.3); as stored where no sensitivity is stated."""
    sensitivity = values.number(item, "ChannelSensitivity")
    found = stored.astype(np.float64)
    unit = ""
    if sensitivity is not None:
        correction = values.number(item, "ChannelSensitivityCorrectionFactor")
        with np.errstate(over="ignore", invalid="ignore"):
            found = found * sensitivity * (1.0 if correction is None else correction) + (
                values.number(item, "ChannelBaseline") or 0.0
            )
        unit = one_line(values.text(values.item(item, "ChannelSensitivityUnitsSequence"), "CodeValue"), 16)
    found[holes | ~(np.abs(found) <= MOST_VALUE)] = np.nan
    skew = values.number(item, "ChannelTimeSkew")
    samples_late = values.number(item, "ChannelSampleSkew") or 0.0
    return Channel(
        name=_name(item) or f"channel {place + 1}",
        unit=unit,
        values=found.astype(np.float32),
        millivolts=_MILLIVOLTS.get(unit),
        skew_s=skew if skew is not None else samples_late / frequency,
        filters=_filters(item),
    )


def _name(item: Dataset) -> str:
    """The lead by its code, else by the words of the code; never the free label, which may name anybody."""
    source = values.item(item, "ChannelSourceSequence")
    code, scheme = values.text(source, "CodeValue"), values.text(source, "CodingSchemeDesignator")
    if scheme in ("SCPECG", "MDC"):
        number = re.search(r"(?:5\.6\.3-9-|2:)(\d{1,3})$", code)
        if number and int(number[1]) in _LEADS:
            return _LEADS[int(number[1])]
    meaning = values.text(source, "CodeMeaning")
    worded = _WORDED.search(meaning)
    if worded:
        found = worded[1].upper()
        return f"aV{found[2]}" if found.startswith("AV") else found
    return one_line(meaning, 16)


def _filters(item: Dataset) -> str:
    low, high = values.number(item, "FilterLowFrequency"), values.number(item, "FilterHighFrequency")
    notch = values.number(item, "NotchFilterFrequency")
    parts = []
    if low is not None or high is not None:
        parts.append(f"{'' if low is None else f'{low:g}'}–{'' if high is None else f'{high:g}'} Hz")
    if notch:
        parts.append(f"notch {notch:g} Hz")
    return ", ".join(parts)


def filters_said(channels: Sequence[Channel]) -> str:
    """The filters of all channels in a few words."""
    said = sorted({one.filters for one in channels})
    if said == [""]:
        return "filters not stated"
    return said[0] if len(said) == 1 else "filters differ from lead to lead"
