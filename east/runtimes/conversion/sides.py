"""Sides of tensors that are not known before images come, and what convolutions and pooling make of them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from ...model.freezing.graph import attribute

_MULTIPLE: Final = 32  # of which the images' height and width are multiples


@dataclass(frozen=True)
class Share:
    """A side that is this share of the images' own, whose axis it is: how many (0), height (1) or width (2)."""

    axis: int
    share: Fraction = Fraction(1)

    def __mul__(self, factor: int) -> Share:
        return Share(self.axis, self.share * factor)

    __rmul__ = __mul__

    def divided(self, by: int) -> Share | None:
        """The side over a number, if it is certain to be a multiple of that."""
        return Share(self.axis, self.share / by) if (self.share * _MULTIPLE / by).denominator == 1 else None


Side = int | Share | None
"""A number of pixels, a share of the images', or None where neither can be told."""

Pads = tuple[int, int, int, int]
"""Top, left, bottom, right."""


@dataclass(frozen=True)
class Window:
    """What goes over height and width: of a convolution or a pooling, in TensorFlow's terms."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: str
    explicit: Pads

    @classmethod
    def of(cls, node: Any, kernel: tuple[int, int]) -> Window:
        """The window of a node, whose kernel has these sides."""
        strides, dilations = (tuple(attribute(node, name).list.i)[1:3] for name in ("strides", "dilations"))
        pads = tuple(attribute(node, "explicit_paddings").list.i)[2:6] or (0, 0, 0, 0)
        top, bottom, left, right = pads
        padding = attribute(node, "padding").s.decode()
        return cls(kernel, _pair(strides), _pair(dilations), padding, (top, left, bottom, right))

    def pads(self, sides: tuple[Side, Side]) -> Pads | None:
        """What is to be put around; None where it differs from one size of images to the next."""
        if self.padding != "SAME":
            return self.explicit
        vertical, horizontal = (self._same(axis, side) for axis, side in enumerate(sides))
        if vertical is None or horizontal is None:
            return None
        return (vertical // 2, horizontal // 2, vertical - vertical // 2, horizontal - horizontal // 2)

    def out(self, sides: tuple[Side, Side], pads: Pads) -> tuple[Side, Side]:
        """Height and width of what comes out."""
        height, width = (self._out(axis, side, pads[axis] + pads[axis + 2]) for axis, side in enumerate(sides))
        return height, width

    def _same(self, axis: int, side: Side) -> int | None:
        """How much TensorFlow's padding ``SAME`` adds along an axis, of which it puts the odd one last."""
        stride, extent = self.strides[axis], self._extent(axis)
        if stride == 1:
            return extent - 1
        if isinstance(side, int):
            return max((-(-side // stride) - 1) * stride + extent - side, 0)
        return None if side is None or side.divided(stride) is None else max(extent - stride, 0)

    def _out(self, axis: int, side: Side, padding: int) -> Side:
        stride, beyond = self.strides[axis], padding - self._extent(axis)
        if isinstance(side, int):
            return (side + beyond) // stride + 1
        return None if side is None or not -stride <= beyond < 0 else side.divided(stride)

    def _extent(self, axis: int) -> int:
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    return (values[0], values[1]) if values else (1, 1)
