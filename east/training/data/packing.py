"""Training pictures as the training step takes them: packed pixels and padded words in arrays of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from ...images.decoding import load_image
from ...images.sizing import resize
from ...types import Size
from .dataset import ABSENT, IGNORED, MOST_WORDS, TEXT, Example
from .letters import MAX_LETTERS, encode_texts


class PackedImages:
    """N pictures on canvases of one size, with W words each at most.

    Attributes:
        canvas: height and width of the canvases.
        pixels: int32 ``(N, height * width)``, one number a pixel: red + 256 green + 65536 blue.
        sizes: float32 ``(N, 2)``, height and width of each picture, which lies on the canvas's top-left corner.
        quads: float32 ``(N, W, 4, 2)``, in the pictures' pixels.
        kinds: int32 ``(N, W)``, `dataset.ABSENT`, `dataset.TEXT` or `dataset.IGNORED`.
        codes: uint8 ``(N, W, MAX_LETTERS)``, see `letters.encode_texts`.
    """

    def __init__(self, count: int, canvas: tuple[int, int], words: int = MOST_WORDS) -> None:
        self.canvas = canvas
        self.pixels = np.zeros((count, canvas[0] * canvas[1]), np.int32)
        self.sizes = np.tile(np.asarray(canvas, np.float32), (count, 1))
        self.quads = np.zeros((count, words, 4, 2), np.float32)
        self.kinds = np.zeros((count, words), np.int32)
        self.codes = np.zeros((count, words, MAX_LETTERS), np.uint8)

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of it: pixels, sizes, quads, kinds, codes."""
        return self.pixels, self.sizes, self.quads, self.kinds, self.codes

    def put(
        self,
        slot: int,
        image: NDArray[np.uint8],
        quads: NDArray[np.float32],
        legible: NDArray[np.bool_],
        texts: Sequence[str],
    ) -> None:
        """Stores one picture, uint8 RGB ``(H, W, 3)``, scaled down to fit the canvas, and its words."""
        image, quads = scaled_to_fit(image, quads, self.canvas)
        self.pixels[slot] = pack_pixels(image, self.canvas)
        self.sizes[slot] = image.shape[:2]
        self.put_words(slot, quads, legible, texts)

    def put_words(
        self, slot: int, quads: NDArray[np.float32], legible: NDArray[np.bool_], texts: Sequence[str]
    ) -> None:
        """Stores the words of one picture; of more than there is room for, the smallest are dropped."""
        room = self.quads.shape[1]
        largest = np.argsort([-np.ptp(quad, axis=0).prod() for quad in quads], kind="stable")[:room]
        self.quads[slot], self.kinds[slot], self.codes[slot] = 0, ABSENT, 0
        self.quads[slot, : len(largest)] = quads[largest]
        self.kinds[slot, : len(largest)] = np.where(legible[largest], TEXT, IGNORED)
        self.codes[slot, : len(largest)] = encode_texts([texts[index] for index in largest])


def pack_examples(
    examples: Sequence[Example], canvas: tuple[int, int], words: int = MOST_WORDS, threads: int = 8
) -> PackedImages:
    """Reads the pictures of ``examples``, in ``threads``; arguments as `PackedImages` takes them.

    Raises:
        FormatError: a word lies outside its picture.
    """
    packed = PackedImages(len(examples), canvas, words)

    def load(slot: int) -> None:
        example = examples[slot]
        image = load_image(example.image)
        _check_inside(example, Size(*image.shape[:2]))
        packed.put(slot, image, example.quads, example.legible, example.texts)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(load, range(len(examples))))
    return packed


def _check_inside(example: Example, size: Size) -> None:
    low, high = example.quads.min(axis=1), example.quads.max(axis=1)
    outside = ((high <= 0) | (low >= (size.width, size.height))).any(axis=1)
    if outside.any():
        text = example.texts[int(outside.argmax())]
        raise FormatError(
            f"the word {text!r} lies outside of {example.image}, which is {size.width}x{size.height} pixels: "
            "is its ground truth of another size?"
        )


def scaled_to_fit(
    image: NDArray[np.uint8], quads: NDArray[np.float32], canvas: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Scales a picture and its quads down until it fits ``canvas`` (height, width); a smaller one stays as it is."""
    height, width = image.shape[:2]
    scale = min(1.0, canvas[0] / height, canvas[1] / width)
    if scale == 1.0:
        return image, quads
    size = Size(max(2, round(height * scale)), max(2, round(width * scale)))
    return resize(image, size), quads * np.asarray([size.width / width, size.height / height], np.float32)


def pack_pixels(image: NDArray[np.uint8], canvas: tuple[int, int]) -> NDArray[np.int32]:
    """One int32 a pixel, so that the accelerator fetches a colour at once: ``(height * width,)`` of the canvas."""
    packed = np.zeros((*canvas, 4), np.uint8)
    packed[: image.shape[0], : image.shape[1], :3] = image
    return packed.view("<i4").reshape(-1)
