"""Files, arrays and images of every kind become the right pixels, every damage its own one-line error."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from east import ImageDecodeError, ImageError, ImageTooLargeError
from east.images import decoding, header_size, load_image, read_header
from east.images.decoding import ImageInput
from east.options import DEFAULTS
from tests.support.image_files import encode, png, png_chunk
from tests.support.photographs import photograph


def scene(height: int = 40, width: int = 60) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (5, 5), 2), np.uint8)


RGB = Image.fromarray(scene())
EXIF = Image.Exif()
EXIF[0x0112] = 6
FILES = {
    "jpeg": encode(RGB, "JPEG", exif=EXIF),
    "progressive jpeg": encode(RGB, "JPEG", progressive=True),
    "grey jpeg": encode(RGB.convert("L"), "JPEG"),
    "cmyk jpeg": encode(RGB.convert("CMYK"), "JPEG"),
    "png": encode(RGB, "PNG", exif=EXIF),
    "palette png": encode(RGB.convert("P"), "PNG", transparency=3),
    "bilevel png": encode(RGB.convert("1"), "PNG"),
    "webp": encode(RGB, "WEBP", exif=EXIF),
    "lossless webp": encode(RGB.convert("RGBA"), "WEBP", lossless=True),
    "tiff": encode(RGB, "TIFF", exif=EXIF),
    "lzw tiff": encode(RGB, "TIFF", compression="tiff_lzw"),
    "fax tiff": encode(RGB.convert("1"), "TIFF", compression="group4"),
    "gif": encode(RGB.convert("P"), "GIF", transparency=4),
    "bmp": encode(RGB, "BMP"),
}
formats = pytest.mark.parametrize("data", FILES.values(), ids=FILES)


@formats
def test_the_header_tells_the_decoded_size(data: bytes) -> None:
    assert header_size(data) == load_image(data).shape[:2]


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("BMP", {}),
    ],
)
def test_lossless_formats_come_back_exactly(form: str, options: dict[str, Any]) -> None:
    np.testing.assert_array_equal(load_image(encode(RGB, form, **options)), scene())


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize(("height", "width"), [(40, 60), (41, 63), (1, 1), (8, 17)])
def test_jpegs_have_the_pixels_that_pillow_gives_them(
    mode: str, subsampling: str, progressive: bool, height: int, width: int
) -> None:
    image = Image.fromarray(scene(height, width)).convert(mode)
    data = encode(image, "JPEG", subsampling=subsampling, progressive=progressive)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(load_image(data), expected)


def test_a_jpeg_that_stores_rgb_has_the_pixels_that_pillow_gives_it() -> None:
    data = encode(RGB, "JPEG", keep_rgb=True)
    np.testing.assert_array_equal(load_image(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_photographs_have_the_pixels_that_pillow_gives_them(icdar_folder: Path) -> None:
    for path in sorted(icdar_folder.glob("img_1?.jpg")):
        np.testing.assert_array_equal(load_image(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_not_inverted(form: str) -> None:
    data = encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), form)
    assert np.abs(load_image(data).astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_files_keep_their_high_byte(extension: str, channels: int) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (9, 7, channels), dtype=np.uint16)
    if channels == 4:
        samples[..., 3] = 65535
    done, data = cv2.imencode(extension, samples)
    assert done
    rgb = np.repeat(samples, 3, axis=2) if channels == 1 else samples[..., 2::-1]
    np.testing.assert_array_equal(load_image(data.tobytes()), rgb >> 8)


def test_16_bit_grey_with_alpha_or_a_transparent_value_lies_over_white() -> None:
    grey = np.array([[0, 0x1234, 0x12FF]], np.uint16)
    transparent = png_chunk(b"tRNS", struct.pack(">H", 0x1234))
    np.testing.assert_array_equal(load_image(png(grey, 0, transparent))[..., 0], [[0, 255, 0x12]])
    with_alpha = np.dstack([grey, [[65535, 0, 65535]]]).astype(np.uint16)
    np.testing.assert_array_equal(load_image(png(with_alpha, 4))[..., 0], [[0, 255, 0x12]])


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_dark_pictures_with_alpha_in_files_lie_over_white(form: str) -> None:
    image = Image.new("RGBA", (4, 2), (0, 0, 0, 255))
    image.putpixel((0, 0), (0, 0, 0, 0))
    expected = np.zeros((2, 4, 3), np.uint8)
    expected[0, 0] = 255
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    np.testing.assert_array_equal(load_image(encode(image, form, **options)), expected)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_is_its_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (12, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encode(frames[0], form, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(load_image(data), np.full((8, 12, 3), (255, 0, 0)))


def test_a_png_may_carry_its_orientation_behind_the_pixels() -> None:
    plain = encode(RGB, "PNG")
    exif = EXIF.tobytes().removeprefix(b"Exif\0\0")
    data = plain[:-12] + png_chunk(b"eXIf", exif) + plain[-12:]
    assert header_size(data) == (60, 40)
    np.testing.assert_array_equal(load_image(data), np.rot90(scene(), -1))


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0",
        b"Exif\0\0nonsense",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
        b"Exif\0\0MM\0*\xff\xff\xff\xff",
        EXIF.tobytes()[:-8],
        *(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([n]) + b"\0\0\0\0\0\0" for n in (0, 9)),
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x03ab\0\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\0\0\0\x64\0\0\0\0",
    ],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_corrupt_exif_block_is_passed_over(form: str, exif: bytes) -> None:
    data = encode(RGB, form, exif=exif)
    assert load_image(data).shape == (40, 60, 3)
    assert header_size(data) == (40, 60)


def test_pillows_warnings_stay_inside_in_every_thread() -> None:
    data = encode(RGB, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(load_image, [data] * 400))
    assert not caught


def test_empty_input() -> None:
    with pytest.raises(ImageDecodeError, match=r"^the image is empty: 0 bytes$"):
        load_image(b"")


@pytest.mark.parametrize("data", [b"\0", b"<svg></svg>", b"\xff\xd8", b"RIFF\0\0\0\0WAVE", b"%!PS-Adobe-3.0 EPSF"])
def test_not_an_image(data: bytes) -> None:
    with pytest.raises(ImageDecodeError, match=r"^not an image: it starts with .*; JPEG, PNG, WebP, TIFF, BMP and GIF"):
        load_image(data)


@formats
def test_an_image_cut_in_half_is_called_truncated(data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImageDecodeError, match=r"^the (JPEG|PNG|WEBP|TIFF|GIF|BMP) image is truncated: its data ends"):
        load_image(data[: len(data) // 2])
    assert capfd.readouterr().err == ""


@formats
def test_an_image_cut_anywhere_is_refused_or_whole(data: bytes) -> None:
    whole = load_image(data)
    for length in range(0, len(data), 7):
        try:
            image = load_image(data[:length])
        except ImageDecodeError:
            continue
        np.testing.assert_array_equal(image, whole)  # only what follows the pixels is missing


def oversized() -> Iterator[tuple[str, bytes]]:
    """Small files whose header claims 60000 x 50000 pixels."""
    size = struct.pack(">HH", 50_000, 60_000)
    jpeg = encode(scene(), "JPEG")
    yield "jpeg", jpeg.replace(struct.pack(">HH", 40, 60), size, 1)
    yield (
        "png",
        png(np.zeros((1, 1), np.uint16), 0)[:8]
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0))
        + png_chunk(b"IDAT", b"")
        + png_chunk(b"IEND", b""),
    )
    gif = encode(RGB.convert("P"), "GIF")
    yield "gif", gif.replace(struct.pack("<HH", 60, 40), struct.pack("<HH", 60_000, 50_000), 1)
    extended = FILES["webp"]
    assert extended[12:16] == b"VP8X"
    yield "webp", extended[:24] + (59_999).to_bytes(3, "little") + (49_999).to_bytes(3, "little") + extended[30:]
    bmp = encode(RGB, "BMP")
    yield "bmp", bmp.replace(struct.pack("<ii", 60, 40), struct.pack("<ii", 60_000, 50_000), 1)


@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, data in oversized()])
def test_too_many_pixels_are_told_from_the_header(data: bytes) -> None:
    for use in (read_header, load_image):
        with pytest.raises(
            ImageTooLargeError,
            match=r"50000x60000 is 3,000,000,000 pixels, the limit is 128,000,000 \(max_pixels\)$",
        ):
            use(data)


def test_a_file_that_claims_no_pixels_is_refused() -> None:
    jpeg = encode(scene(), "JPEG").replace(struct.pack(">HH", 40, 60), struct.pack(">HH", 40, 0), 1)
    with pytest.raises(ImageDecodeError, match="the JPEG image has no pixels: its header says no size, or one of zero"):
        load_image(jpeg)


def test_32_bit_tiffs_are_refused() -> None:
    with pytest.raises(ImageError, match="a 32-bit floating-point image has no agreed white"):
        load_image(encode(Image.new("F", (4, 4)), "TIFF"))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_every_format_comes_out_upright(form: str, orientation: int) -> None:
    upright = np.zeros((24, 40, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    upright[:8, 32:] = (0, 255, 0)
    data = photograph(upright, orientation, form)
    image = load_image(data)
    assert np.abs(image.astype(int) - upright).max() <= (12 if form == "JPEG" else 0)
    assert image.flags.c_contiguous
    assert header_size(data) == (24, 40)
    with Image.open(io.BytesIO(data)) as opened:
        np.testing.assert_array_equal(load_image(opened), image)


def test_a_path_a_string_and_the_bytes_are_the_same_image(tmp_path: Path) -> None:
    path = tmp_path / "sign.png"
    data = photograph(np.arange(300, dtype=np.uint8).reshape(10, 10, 3), 1, "PNG")
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(load_image(source), load_image(data))  # type: ignore[arg-type]


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jpg"
    with pytest.raises(
        ImageError, match=f"^{re.escape(str(missing))}: cannot read the file: No such file or directory$"
    ):
        load_image(missing)
    with pytest.raises(ImageError, match=f"^{re.escape(str(tmp_path))}: a folder is no image: stream or .* it$"):
        load_image(tmp_path)
    with pytest.raises(ImageError, match="cannot read the file: embedded null byte"):
        load_image("a\0b.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read anything")
def test_a_forbidden_file_is_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "secret.jpg"
    path.touch(mode=0)
    with pytest.raises(ImageError, match=f"^{re.escape(str(path))}: cannot read the file: Permission denied$"):
        load_image(path)


def test_what_is_wrong_with_a_files_image_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("not an image at all")
    with pytest.raises(
        ImageDecodeError, match=f"^{re.escape(str(path))}: not an image: it starts with b'not an i'; JPEG, PNG"
    ):
        load_image(path)
    Image.new("RGB", (30, 20)).save(path)
    with pytest.raises(
        ImageTooLargeError,
        match=f"^{re.escape(str(path))}: the image is too large: 20x30 is 600 pixels, the limit is 5",
    ):
        load_image(path, max_pixels=500)


def test_what_is_no_image_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="bytes, an open binary file, a NumPy array or a Pillow image, got list"):
        load_image([1, 2, 3])  # type: ignore[arg-type]


COLOURS = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(10, 20, 30), (0, 0, 0), (255, 255, 255)]], np.uint8)
GREYS = np.array([[0, 1, 127], [128, 254, 255]], np.uint8)
GREYS_RGB = np.repeat(GREYS[..., None], 3, axis=2)


def test_an_rgb_array_is_itself() -> None:
    assert load_image(COLOURS) is COLOURS


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1)])
def test_grey_arrays(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(load_image(GREYS.reshape(shape)), GREYS_RGB)


def test_bgr_arrays_change_their_order_and_others_do_not() -> None:
    np.testing.assert_array_equal(load_image(COLOURS[..., ::-1], bgr=True), COLOURS)
    np.testing.assert_array_equal(load_image(GREYS, bgr=True), GREYS_RGB)


@pytest.mark.parametrize("bgr", [False, True])
def test_dark_pictures_with_alpha_lie_over_white(bgr: bool) -> None:
    alpha = np.array([[255, 0, 51], [255, 128, 0]], np.uint8)
    expected = np.rint(COLOURS * (alpha[..., None] / 255) + 255 * (1 - alpha[..., None] / 255))
    array = np.dstack([COLOURS[..., ::-1] if bgr else COLOURS, alpha])
    assert np.abs(load_image(array, bgr=bgr) - expected).max() <= 1


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_arrays_keep_their_high_byte(order: str) -> None:
    array = (GREYS.astype(order) << 8) + 0x7F
    np.testing.assert_array_equal(load_image(array), GREYS_RGB)
    np.testing.assert_array_equal(load_image(np.dstack([array] * 3)), GREYS_RGB)


def test_bool_arrays_are_black_and_white() -> None:
    np.testing.assert_array_equal(load_image(GREYS > 127)[..., 0], [[0, 0, 0], [255, 255, 255]])


@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.uint16]),
        st.tuples(st.integers(1, 9), st.integers(1, 9))
        | st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
    ),
    st.booleans(),
)
def test_any_image_array_becomes_contiguous_uint8_rgb(array: NDArray[Any], bgr: bool) -> None:
    for view in (array, array[::-1, ::-1], array.swapaxes(0, 1)):
        image = load_image(view, bgr=bgr)
        assert image.dtype == np.uint8
        assert image.shape == (*view.shape[:2], 3)
        assert image.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint32, np.int8, np.complex64, object])
def test_other_dtypes_are_refused_by_name(dtype: type) -> None:
    told = rf"must be uint8 \(0..255\), uint16 .* or bool, got {np.dtype(dtype)}: "
    with pytest.raises(ImageError, match=told + ".*(scale and convert it|astype)"):
        load_image(np.zeros((4, 4, 3), dtype))


@pytest.mark.parametrize(
    ("least", "most", "hint"),
    [
        (0, 1, "values 0..1, (255 * array).round().astype('uint8') is one"),
        (0.25, 0.5, "values 0.25..0.5, (255 * array).round().astype('uint8') is one"),
        (0, 255, "values 0..255, array.round().astype('uint8') is one"),
        (-1, 1, "its values, -1..1, are in no range of images; scale them to 0..255"),
        (0, 65535, "its values, 0..65535, are in no range of images"),
        (0, np.nan, "not finite"),
        (0, np.inf, "not finite"),
    ],
)
def test_how_to_make_an_image_of_floats_is_told_by_their_range(least: float, most: float, hint: str) -> None:
    array = np.full((4, 4, 3), least, np.float32)
    array[0, 0, 0] = most
    with pytest.raises(ImageError, match=re.escape(hint)) as refused:
        load_image(array)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("shape", [(), (5,), (4, 4, 2), (3, 40, 60), (1, 4, 4, 3), (4, 4, 0)])
def test_other_shapes_are_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"must be \(H, W\), .*, got shape \("):
        load_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (0, 0, 4)])
def test_arrays_without_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageDecodeError, match=f"has no pixels: its size is {shape[0]}x{shape[1]}"):
        load_image(np.zeros(shape, np.uint8))


def test_absurdly_large_arrays_are_refused_before_they_are_touched() -> None:
    array = np.broadcast_to(np.uint8(0), (1_000_000, 1_000_000, 3))
    with pytest.raises(
        ImageTooLargeError, match=r"1000000x1000000 is 1,000,000,000,000 pixels, the limit is 128,000,0"
    ):
        load_image(array)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
def test_pillow_images_of_every_8_bit_mode(mode: str) -> None:
    image = Image.fromarray(np.repeat(COLOURS[1:, 1:], 8, axis=0)).convert(mode)
    loaded = load_image(image)
    assert loaded.flags.c_contiguous
    assert loaded.flags.writeable
    assert np.abs(loaded.astype(int) - [(0, 0, 0), (255, 255, 255)]).max() <= 2


def test_palette_images_show_white_where_they_are_transparent() -> None:
    image = Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE)
    red = image.getpixel((0, 0))
    image.info["transparency"] = red
    expected = COLOURS.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(load_image(image), expected)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_16_bit_pillow_images(mode: str) -> None:
    np.testing.assert_array_equal(load_image(Image.new(mode, (3, 2), 0x1234)), np.full((2, 3, 3), 0x12))


@pytest.mark.parametrize(("mode", "word"), [("I", "integer"), ("F", "floating-point")])
def test_32_bit_pillow_images_are_refused(mode: str, word: str) -> None:
    with pytest.raises(ImageError, match=f"a 32-bit {word} image has no agreed white: convert it to 8 or 16 bits"):
        load_image(Image.new(mode, (3, 2)))


def test_pillow_images_are_measured_before_they_are_decoded() -> None:
    with pytest.raises(ImageTooLargeError, match="2x3 is 6 pixels, the limit is 5"):
        load_image(Image.new("RGB", (3, 2)), max_pixels=5)
    with pytest.raises(ImageDecodeError, match="its size is 0x3"):
        load_image(Image.new("RGB", (3, 0)))


def test_what_has_no_end_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(decoding, "most_bytes", lambda max_pixels: 100_000)
    (tmp_path / "large.bmp").write_bytes(bytes(100_001))
    with Path("/dev/zero").open("rb") as zeros, Path("/dev/zero").open("rb", buffering=0) as unbuffered:
        held = bytes(100_001)
        sources: list[ImageInput] = ["/dev/zero", zeros, unbuffered, tmp_path / "large.bmp", held, io.BytesIO(held)]
        for source in sources:
            with pytest.raises(ImageTooLargeError, match="the image file is too large: it has more than 100,000 bytes"):
                load_image(source)
    with pytest.raises(ImageDecodeError, match="not an image"):
        load_image(bytes(100_000))


def test_a_file_may_have_what_its_pixels_take_without_compression() -> None:
    assert decoding.most_bytes(200_000_000) > 8 * 200_000_000
    assert decoding.most_bytes(1000) == decoding.most_bytes(DEFAULTS.max_pixels)
