"""Units as DICOM codes them (UCUM: CID 82, 83, 85, 7181, 7460), and the sign of each beside a number. No Qt."""

from __future__ import annotations

from collections.abc import Mapping

SIGNS: Mapping[str, str] = {
    "1": "", "%": "%", "deg": "°", "mm": "mm", "cm": "cm", "mm2": "mm²", "cm2": "cm²", "mm3": "mm³", "cm3": "cm³", "ml": "ml",
    "[hnsf'U]": "HU", "{counts}": "counts", "{Counts}": "counts", "mm2/s": "mm²/s", "um2/s": "µm²/s", "Bq/ml": "Bq/ml",
    "{SUVbw}g/ml": "g/ml SUVbw", "g/ml{SUVbw}": "g/ml SUVbw", "{SUVlbm}g/ml": "g/ml SUVlbm", "{SUVbsa}cm2/ml": "cm²/ml SUVbsa",
}  # fmt: skip
"""By code; the factor of no unit has no sign."""
