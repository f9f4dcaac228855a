"""Parts of one view pasted into another, with their words (Yun et al., "CutMix", ICCV 2019).

A network that knows a picture by a word's surroundings need not look at the word.
"""

from __future__ import annotations

from typing import Any

from ...frameworks import keras
from ...types import STRIDE
from ..config import Augmentation
from .augment import Words
from .labels import Targets, share_within, visible_share

ops = keras().ops
Tensor = Any

NUMBERS_PER_PATCH = 5  # random numbers


class Patches:
    """For each view of a batch the rectangle that shows another view of the batch, empty for some.

    Attributes:
        rectangles: float32 ``(B, 4)``, left, top, right and bottom in the view's pixels, multiples of the stride.
    """

    def __init__(self, noise: Tensor, settings: Augmentation) -> None:
        """Draws them by the last `NUMBERS_PER_PATCH` columns of ``noise``, ``(B, N)``, uniform in 0..1."""
        self._settings, self._other = settings, max(1, noise.shape[0] // 4)
        chance, width, height, x, y = ops.unstack(noise[:, -NUMBERS_PER_PATCH:], NUMBERS_PER_PATCH, axis=1)
        cells = settings.crop // STRIDE
        mixed = ops.cast(chance < settings.cutmix, "float32")
        sides = [mixed * ops.round((0.3 + 0.4 * side) * cells) for side in (width, height)]
        left, top = (ops.floor(at * (cells - side)) for at, side in zip((x, y), sides, strict=True))
        self.rectangles = STRIDE * ops.stack([left, top, left + sides[0], top + sides[1]], axis=1)

    def hosts(self, words: Words) -> Words:
        """The words of the views, those not to count that are hidden behind the patches."""
        crop = self._settings.crop
        left = visible_share(words.quads, crop, crop) - share_within(words.quads, self.rectangles)
        return words.ignoring(left < self._settings.visible)

    def guests(self, words: Words) -> Words:
        """The words of the views, those not to count that the patches made of them do not show."""
        shown = share_within(words.quads, ops.roll(self.rectangles, -self._other, axis=0))
        return words.ignoring(shown < self._settings.visible)

    def paste(self, views: Tensor) -> Tensor:
        """Views ``(B, crop, crop, 3)`` with the patches of others in their places."""
        return self._paste(views, 1, views)

    def paste_targets(self, hosts: Targets, guests: Targets) -> Targets:
        """The targets of pasted views."""
        return Targets(*(self._paste(host, STRIDE, guest) for host, guest in zip(hosts, guests, strict=True)))

    def _paste(self, hosts: Tensor, stride: int, guests: Tensor) -> Tensor:
        points = stride * ops.arange(hosts.shape[1], dtype="float32")
        left, top, right, bottom = ops.unstack(self.rectangles[:, :, None], 4, axis=1)  # (B, 1) each
        rows, columns = (points >= top) & (points < bottom), (points >= left) & (points < right)
        inside = ops.logical_and(rows[:, :, None], columns[:, None, :])
        inside = ops.reshape(inside, (*inside.shape, *(1 for _ in hosts.shape[3:])))
        return ops.where(inside, ops.roll(guests, self._other, axis=0), hosts)
