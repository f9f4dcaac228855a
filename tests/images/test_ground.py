"""Transparent pictures lie on the ground that shows them: black under light letters, else white."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from east.images import load_image
from tests.support.image_files import encode

WHITE, BLACK = 255, 0
SIZE = (320, 120)
FONT = ImageFont.load_default(60)


def clear() -> Image.Image:
    return Image.new("RGBA", SIZE, (0, 0, 0, 0))


def letters(colour: Any, picture: Image.Image | None = None, at: tuple[int, int] = (20, 20)) -> Image.Image:
    picture = picture or clear()
    ImageDraw.Draw(picture).text(at, "EXIT 24", colour, font=FONT)
    return picture


def shadow(opacity: int = 140) -> Image.Image:
    return letters((0, 0, 0, opacity), at=(24, 24)).filter(ImageFilter.GaussianBlur(4))


def photograph() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (8, 20, 3), np.uint8)
    return Image.fromarray(cv2.resize(noise, SIZE, interpolation=cv2.INTER_CUBIC)).convert("RGBA")


def with_margins(picture: Image.Image, margin: int) -> Image.Image:
    framed = clear()
    framed.paste(picture.crop((margin, margin, SIZE[0] - margin, SIZE[1] - margin)), (margin, margin))
    return framed


def page() -> Image.Image:
    return letters("black", Image.new("RGBA", SIZE, "white"))


def fringed() -> Image.Image:
    """White letters that were cut out of black: dark where they are half clear."""
    pixels = np.array(letters("white"))
    pixels[..., :3] = pixels[..., 3:]
    return Image.fromarray(pixels)


CASES: dict[str, tuple[Callable[[], Image.Image], int]] = {
    "white letters": (lambda: letters("white"), BLACK),
    "pale letters": (lambda: letters((255, 250, 205)), BLACK),
    "yellow letters": (lambda: letters("yellow"), BLACK),
    "half clear white letters": (lambda: letters((255, 255, 255, 120)), BLACK),
    "white letters with a soft shadow": (lambda: Image.alpha_composite(shadow(), letters("white")), BLACK),
    "white letters with a dark fringe": (fringed, BLACK),
    "a few white letters": (lambda: letters("white", at=(220, 60)), BLACK),
    "dark letters": (lambda: letters("black"), WHITE),
    "red letters": (lambda: letters((200, 20, 20)), WHITE),
    "grey letters": (lambda: letters((120, 120, 120)), WHITE),
    "half clear dark letters": (lambda: letters((0, 0, 0, 120)), WHITE),
    "dark letters with a soft shadow": (lambda: Image.alpha_composite(shadow(90), letters("black")), WHITE),
    "nothing but a soft shadow": (shadow, WHITE),
    "white letters with a dark outline": (
        lambda: letters("white", letters("black", letters("black", at=(17, 17)), at=(23, 23))),
        WHITE,
    ),
    "white letters beside dark ones": (lambda: letters("white", letters("navy", at=(20, -10)), at=(20, 45)), WHITE),
    "a photograph with margins": (lambda: with_margins(photograph(), 30), WHITE),
    "a page with margins": (lambda: with_margins(page(), 12), WHITE),
    "a page with rounded corners": (lambda: with_margins(page(), 2), WHITE),
    "a white page with margins": (lambda: with_margins(Image.new("RGBA", SIZE, "white"), 5), WHITE),
    "an opaque white picture": (lambda: Image.new("RGBA", SIZE, "white"), WHITE),
    "nothing at all": (clear, WHITE),
}
cases = pytest.mark.parametrize(("make", "ground"), CASES.values(), ids=CASES)


def laid(picture: Image.Image, ground: int) -> NDArray[np.uint8]:
    canvas = Image.new("RGBA", picture.size, (ground, ground, ground, 255))
    return np.asarray(Image.alpha_composite(canvas, picture).convert("RGB"))


def assert_laid(image: NDArray[np.uint8], picture: Image.Image, ground: int) -> None:
    assert np.abs(image.astype(int) - laid(picture, ground)).max() <= 1


@cases
def test_the_ground_shows_the_picture(make: Callable[[], Image.Image], ground: int) -> None:
    picture = make()
    assert_laid(load_image(encode(picture, "PNG")), picture, ground)
    assert_laid(load_image(encode(picture, "TIFF")), picture, ground)
    assert_laid(load_image(encode(picture, "WEBP", lossless=True, exact=True)), picture, ground)
    assert_laid(load_image(picture), picture, ground)
    assert_laid(load_image(np.array(picture)), picture, ground)
    with Image.open(io.BytesIO(encode(picture, "PNG"))) as opened:
        assert_laid(load_image(opened), picture, ground)


@cases
def test_the_ground_is_the_same_for_a_large_picture(make: Callable[[], Image.Image], ground: int) -> None:
    picture = make().resize((6 * SIZE[0], 6 * SIZE[1]))
    assert_laid(load_image(picture), picture, ground)


@pytest.mark.parametrize("form", ["GIF", "PNG"])
@pytest.mark.parametrize(("colour", "ground"), [(255, BLACK), (0, WHITE)])
def test_the_ground_of_a_palette_shows_its_letters(form: str, colour: int, ground: int) -> None:
    picture = letters((colour, colour, colour))
    letter = np.asarray(picture)[..., 3] > 127
    indexed = Image.fromarray(letter.astype(np.uint8), "L").convert("P")
    indexed.putpalette([90, 160, 90, colour, colour, colour])
    image = load_image(encode(indexed, form, transparency=0))
    np.testing.assert_array_equal(image[..., 0], np.where(letter, colour, ground))
