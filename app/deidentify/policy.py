"""What one run does, and what a person vouches for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from viewers.deidentify.instance import NOBODY, Looked
from viewers.deidentify.options import Option
from viewers.geometry import Region


@dataclass(frozen=True, slots=True)
class Policy:
    options: frozenset[Option] = frozenset()
    boxes: tuple[Region, ...] = ()
    """Burned black on every frame of every picture."""
    black_out_proposed: bool = False
    """What looks like text is burned black too."""
    looked: Looked = NOBODY

    def fingerprint(self, key: bytes) -> str:
        """Changes with everything that changes a file. Hexadecimal; the key cannot be found from it."""
        body = {
            "options": sorted(self.options),
            "boxes": [(one.x, one.y, one.width, one.height) for one in self.boxes],
            "proposed": self.black_out_proposed,
            "looked": [self.looked.at_pixels, self.looked.no_face],
            "key": hashlib.sha256(b"fingerprint" + key).hexdigest(),
        }
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
