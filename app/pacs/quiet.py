"""What the libraries would log or warn of holds names and values of patients: they are told to keep silent."""

from __future__ import annotations

import logging
import warnings

from pydicom import config


def quiet(*loggers: str) -> None:
    """Also reads values that break the rules, as `viewers.sources` does; what comes is judged here, not by warnings."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    config.settings.reading_validation_mode = config.IGNORE
    warnings.filterwarnings("ignore", module=r"pydicom\.")
