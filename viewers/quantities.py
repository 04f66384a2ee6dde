"""What a pixel measures: a real-world value (PS3.3 C.7.6.16.2.11) or a standardised uptake value, with its unit. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Quantity(Protocol):
    @property
    def unit(self) -> str:
        """As it is shown beside the number, "" for a number without unit."""
        ...

    @property
    def factor(self) -> float | None:
        """By which modality values are multiplied, where that is all; None where stored values are mapped another way."""
        ...

    def of(self, stored: NDArray[np.generic], values: NDArray[np.float32]) -> NDArray[np.float32]:
        """For stored values and the modality values they stand for; NaN where it is not defined."""
        ...


@dataclass(frozen=True, slots=True)
class Scaled:
    """Modality values times a number, as SUV is of Bq/ml."""

    factor: float
    unit: str

    def of(self, stored: NDArray[np.generic], values: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ARG002 - the protocol's
        return values * np.float32(self.factor)


@dataclass(frozen=True, slots=True, eq=False)
class RealWorld:
    """Stored values from `first` to `last` by a line or a table; it knows nothing of rescale and modality LUT."""

    first: float
    last: float
    unit: str
    slope: float = 1.0
    intercept: float = 0.0
    table: NDArray[np.float64] | None = None
    """`table[i]` belongs to the stored value `first + i`."""

    @property
    def factor(self) -> float | None:
        return None

    def of(self, stored: NDArray[np.generic], values: NDArray[np.float32]) -> NDArray[np.float32]:  # noqa: ARG002 - the protocol's
        numbers = stored.astype(np.float64)
        inside = (numbers >= self.first) & (numbers <= self.last)
        if self.table is None:
            found = numbers * self.slope + self.intercept
        else:
            places = np.clip(np.nan_to_num(numbers - self.first), 0, len(self.table) - 1).astype(np.int64)
            found = self.table[places]
        shown: NDArray[np.float32] = np.where(inside, found, np.nan).astype(np.float32)
        return shown
