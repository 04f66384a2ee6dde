"""From a file's ICC profile to sRGB: the same transform for the screen and for models."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from viewers.sources.safe_xml import words

if TYPE_CHECKING:
    from PIL import ImageCms


@dataclass(frozen=True, slots=True, eq=False)
class ToSrgb:
    """A profile's transform and name. Safe for threads."""

    transform: ImageCms.ImageCmsTransform | None
    """None for a profile that is sRGB itself."""
    name: str

    @property
    def changes(self) -> bool:
        return self.transform is not None

    @property
    def step(self) -> str:
        """For receipts."""
        return f"ICC profile {self.name} to sRGB" if self.changes else f"ICC profile {self.name}: colours as they are stored"

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 RGB (height, width, 3) in the profile's colours as sRGB."""
        if self.transform is None:
            return pixels
        from PIL import Image, ImageCms

        image = Image.fromarray(pixels)
        return np.array(ImageCms.applyTransform(image, self.transform) or image)


def to_srgb(profile: ImageCms.ImageCmsProfile | bytes | None) -> ToSrgb | None:
    """The transform of a profile; None where there is none, or it is not one of RGB pixels."""
    from PIL import ImageCms

    if not profile:
        return None
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if isinstance(profile, bytes) else profile
        name = words(ImageCms.getProfileDescription(found)) or "without a name"
        if "sRGB" in name:
            return ToSrgb(None, name)
        keep_no_cache = ImageCms.Flags.NOCACHE  # LittleCMS's one-pixel cache is not thread-safe
        return ToSrgb(ImageCms.buildTransform(found, ImageCms.createProfile("sRGB"), "RGB", "RGB", flags=keep_no_cache), name)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
