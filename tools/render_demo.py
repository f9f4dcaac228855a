"""Renders the demo images: three made-up scenes with text, and where their words are.

    python tools/render_demo.py [FOLDER]

Everything is drawn here, with the DejaVu fonts that come with matplotlib, so the images are as free as the code.
Beside each ``NAME.jpg`` lies ``gt_NAME.txt``, its words in the format of ICDAR2015's ground truth.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 1280, 960
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"

Colour = tuple[int, int, int]
Quad = NDArray[np.float64]


class Word(NamedTuple):
    """A word and its corners, (4, 2), clockwise from the text's top-left."""

    text: str
    quad: Quad


class Panel:
    """A flat thing with text on it: a sign, a label, a window. Paint it, then put it into a scene."""

    def __init__(self, width: int, height: int, colour: Colour | None = None) -> None:
        self.image = Image.new("RGBA", (width, height), (0, 0, 0, 0) if colour is None else (*colour, 255))
        self.draw = ImageDraw.Draw(self.image)
        self.words: list[Word] = []

    def text(self, x: float, y: float, line: str, font: str, size: int, colour: Colour, anchor: str = "l") -> None:
        """Writes a line; ``x`` is its left end, or its middle with ``anchor`` "m"; ``y`` is the baseline."""
        face = typeface(font, size)
        if anchor == "m":
            x -= face.getlength(line) / 2
        for word in line.split(" "):
            self.draw.text((x, y), word, fill=colour, font=face, anchor="ls")
            left, top, right, bottom = self.draw.textbbox((x, y), word, font=face, anchor="ls")
            text = word if any(map(str.isalnum, word)) or word == "&" else "###"  # a dot is nothing to be found
            self.words.append(Word(text, np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)))
            x += face.getlength(word + " ")


class Scene:
    """A picture that panels are put into."""

    def __init__(self, background: NDArray[np.float32], seed: int) -> None:
        self.pixels = background
        self.rng = np.random.default_rng(seed)
        self.words: list[Word] = []

    def put(self, panel: Panel, *corners: tuple[float, float], shadow: float = 0.0) -> None:
        """Shows a panel in perspective: its corners, clockwise from its top-left one, come to lie on ``corners``."""
        width, height = panel.image.size
        source = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
        transform = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
        painted = np.array(panel.image, np.float32)
        painted[..., :3] *= painted[..., 3:] / 255
        fine = np.diag([2.0, 2.0, 1.0]) @ transform  # drawn at twice the size, for smooth edges
        painted = cv2.warpPerspective(painted, fine, (2 * WIDTH, 2 * HEIGHT)).astype(np.float32)
        layer = cv2.resize(painted, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA).astype(np.float32)
        alpha = layer[..., 3:] / 255
        if shadow:
            cast = cv2.GaussianBlur(np.roll(alpha[..., 0], (10, 6), (0, 1)), (0, 0), 9)
            self.pixels *= 1 - shadow * cast[..., None]
        self.pixels = self.pixels * (1 - alpha) + layer[..., :3]
        self.words += [Word(text, cv2.perspectiveTransform(quad[None], transform)[0]) for text, quad in panel.words]

    def light(self, x: float, y: float, radius: float, low: float, high: float) -> None:
        """Lights the scene from one spot: ``high`` times as bright there, ``low`` times far away."""
        rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        near = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))
        self.pixels *= (low + (high - low) * near)[..., None]

    def save(self, path: Path, blur: float, noise: float, quality: int = 88) -> None:
        """Takes the photograph: a little out of focus, a little grainy."""
        grain = self.rng.normal(0, noise, self.pixels.shape)
        pixels = cv2.GaussianBlur(self.pixels, (0, 0), blur) + cv2.GaussianBlur(grain, (0, 0), 0.7)
        image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
        image.save(path, quality=quality, subsampling="4:2:0", optimize=True)
        truth = "".join(
            ",".join(map(str, np.rint(quad).astype(int).ravel())) + f",{text}\n" for text, quad in self.words
        )
        path.with_name(f"gt_{path.stem}.txt").write_text(truth, encoding="utf-8-sig")


@cache
def typeface(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A DejaVu font, such as ``Sans-Bold``."""
    return ImageFont.truetype(str(FONTS / f"DejaVu{name}.ttf"), size)


def texture(seed: int, *scales: float) -> NDArray[np.float32]:
    """Cloudy noise, mean 0 and deviation about 1, (HEIGHT, WIDTH, 1); smooth over ``scales`` pixels."""
    rng = np.random.default_rng(seed)
    layers = []
    for scale in scales:
        layer = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)).astype(np.float32), (0, 0), scale)
        layers.append(layer / layer.std())
    return np.asarray(np.mean(layers, axis=0)[..., None], np.float32)


def flat(colour: Colour) -> NDArray[np.float32]:
    """A background of one colour."""
    return np.full((HEIGHT, WIDTH, 3), colour, np.float32)


def bricks(seed: int) -> NDArray[np.float32]:
    """A brick wall."""
    rng = np.random.default_rng(seed)
    wall = Image.new("RGB", (WIDTH, HEIGHT), (176, 166, 152))
    draw = ImageDraw.Draw(wall)
    for row, y in enumerate(range(0, HEIGHT, 30)):
        for x in range(-80 + 40 * (row % 2), WIDTH, 80):
            red, green, blue = np.array((148, 82, 62)) + rng.normal(0, 12) + rng.normal(0, 4, 3)
            draw.rectangle((x, y, x + 75, y + 25), fill=(int(red), int(green), int(blue)))
    return np.asarray(wall, np.float32) + 5 * texture(seed, 1.0, 6.0)


def shop(path: Path) -> None:
    """A shop front by day."""
    scene = Scene(bricks(1), seed=1)
    front = Panel(1000, 640, (38, 54, 46))
    front.draw.rectangle((40, 190, 560, 600), fill=(120, 140, 146))
    front.draw.polygon([(40, 190), (330, 190), (40, 520)], fill=(150, 168, 172))
    front.draw.rectangle((640, 190, 930, 640), fill=(60, 40, 30))
    front.draw.rectangle((680, 230, 890, 470), fill=(128, 146, 150))
    front.draw.ellipse((895, 500, 915, 520), fill=(214, 186, 110))
    front.draw.rectangle((20, 20, 980, 160), fill=(24, 36, 32), outline=(206, 178, 96), width=5)
    front.text(500, 118, "MILLER & SONS", "Serif-Bold", 84, (232, 206, 128), "m")
    front.text(300, 300, "Bakery", "Serif-BoldItalic", 92, (250, 246, 230), "m")
    front.text(300, 372, "bread · cakes · coffee", "Sans", 32, (250, 246, 230), "m")
    front.text(300, 560, "since 1948", "Serif", 36, (250, 246, 230), "m")
    front.text(785, 300, "OPEN", "Sans-Bold", 54, (190, 30, 30), "m")
    front.text(785, 352, "Mon – Sat", "Sans", 28, (30, 36, 40), "m")
    front.text(785, 392, "7:30 – 18:00", "Sans", 28, (30, 36, 40), "m")
    scene.put(front, (120, 150), (1130, 90), (1130, 850), (120, 800), shadow=0.4)
    pavement = Panel(1600, 200, (138, 134, 128))
    for x in range(0, 1600, 160):
        pavement.draw.line((x, 0, x, 200), fill=(104, 100, 96), width=4)
    scene.put(pavement, (-200, 806), (1480, 806), (2000, 970), (-720, 970))  # hides the foot of the front
    board = Panel(300, 420, (34, 36, 38))
    board.draw.rectangle((6, 6, 293, 413), outline=(150, 104, 60), width=14)
    board.text(150, 92, "TODAY", "Sans-Bold", 54, (244, 240, 228), "m")
    board.text(150, 172, "Apple pie", "Serif-Italic", 46, (250, 216, 120), "m")
    board.text(150, 236, "£3.50", "Sans-Bold", 48, (244, 240, 228), "m")
    board.text(150, 318, "Soup & roll", "Serif-Italic", 42, (250, 216, 120), "m")
    board.text(150, 380, "£5.20", "Sans-Bold", 48, (244, 240, 228), "m")
    scene.put(board, (930, 600), (1140, 622), (1170, 935), (910, 905), shadow=0.5)
    scene.light(420, 200, 800, 0.62, 1.12)
    scene.save(path, blur=0.8, noise=3)


def parcel(path: Path) -> None:
    """A parcel on a table, seen at an angle."""
    grain = cv2.blur(texture(2, 1.5), (301, 1))[..., None]
    scene = Scene(flat((122, 84, 52)) + 60 * grain + 4 * texture(3, 2.0, 90.0), seed=2)
    for y in (190, 470, 760):
        scene.pixels[y : y + 3] *= 0.55
    box = Panel(900, 640, (188, 148, 104))
    box.draw.rectangle((0, 282, 899, 352), fill=(206, 176, 130))
    scene.put(box, (190, 150), (1130, 60), (1190, 800), (110, 860), shadow=0.6)
    label = Panel(640, 440, (244, 243, 238))
    ink = (24, 24, 28)
    label.draw.rectangle((6, 6, 633, 433), outline=ink, width=3)
    label.draw.rectangle((6, 6, 633, 84), fill=ink)
    label.text(28, 64, "PRIORITY", "Sans-Bold", 52, (244, 243, 238))
    label.text(470, 62, "2 DAY", "Sans-Bold", 40, (244, 243, 238))
    label.text(24, 116, "FROM:", "Sans-Bold", 20, ink)
    label.text(120, 116, "North Lake Books, 14 Mill Lane", "Sans", 20, ink)
    label.text(24, 168, "SHIP TO:", "Sans-Bold", 24, ink)
    label.text(160, 170, "Clara Jensen", "Sans-Bold", 36, ink)
    label.text(160, 214, "Garden Street 82", "Sans", 34, ink)
    label.text(160, 258, "5000 ODENSE", "Sans-Bold", 36, ink)
    rng = np.random.default_rng(4)
    x = 40
    while x < 590:
        bar, gap = rng.integers(2, 8, 2)
        label.draw.rectangle((x, 286, x + int(bar), 372), fill=ink)
        x += int(bar + gap)
    label.text(320, 412, "EA 4471 0932 6158 DK", "SansMono-Bold", 28, ink, "m")
    scene.put(label, (300, 250), (900, 200), (925, 620), (270, 690), shadow=0.12)
    stamp = Panel(330, 120)
    stamp.draw.rectangle((4, 4, 325, 115), outline=(178, 36, 30), width=7)
    stamp.text(165, 82, "FRAGILE", "Sans-Bold", 62, (178, 36, 30), "m")
    scene.put(stamp, (820, 690), (1105, 606), (1130, 700), (845, 790))
    scene.light(980, 120, 760, 0.55, 1.15)
    scene.save(path, blur=0.9, noise=4)


def night(path: Path) -> None:
    """Signs at a station by night: dark, low in contrast, at a steep angle."""
    scene = Scene(flat((13, 16, 27)) + 2 * texture(5, 8.0, 60.0), seed=3)
    lamps = np.zeros_like(scene.pixels)
    for _ in range(26):
        centre = (int(scene.rng.integers(0, WIDTH)), int(scene.rng.integers(560, 900)))
        colour = [(120, 84, 40), (96, 96, 108), (110, 34, 26)][scene.rng.integers(3)]
        cv2.circle(lamps, centre, int(scene.rng.integers(8, 30)), colour, -1, cv2.LINE_AA)
    scene.pixels += cv2.GaussianBlur(lamps, (0, 0), 4) * 0.6
    sign = Panel(900, 400, (26, 42, 74))
    sign.draw.rectangle((10, 10, 889, 389), outline=(112, 122, 138), width=5)
    pale = (134, 142, 152)
    sign.text(50, 112, "Central Station", "Sans-Bold", 78, pale)
    sign.text(50, 206, "Harbour 2 km", "Sans", 66, pale)
    sign.text(50, 262, "Museum · Old Town", "Sans", 40, pale)
    sign.draw.rectangle((40, 296, 400, 372), fill=(116, 106, 44))
    sign.text(220, 354, "PLATFORM 4", "Sans-Bold", 48, (26, 26, 22), "m")
    sign.text(640, 354, "Tram 15", "Sans", 42, pale, "m")
    scene.pixels[:, 186:206] += 14
    scene.put(sign, (110, 90), (1010, 230), (1000, 520), (120, 480))
    exit_sign = Panel(260, 110, (20, 74, 44))
    exit_sign.text(130, 82, "EXIT", "Sans-Bold", 76, (150, 178, 158), "m")
    scene.put(exit_sign, (1000, 596), (1206, 560), (1206, 650), (1000, 690))
    plate = Panel(330, 90, (70, 70, 66))
    plate.text(165, 62, "HK 428 TN", "SansMono-Bold", 50, (20, 20, 20), "m")
    scene.put(plate, (330, 770), (600, 800), (592, 872), (322, 842))
    scene.light(560, 260, 560, 0.7, 1.25)
    scene.save(path, blur=1.1, noise=7)


SCENES: dict[str, Callable[[Path], None]] = {"shop": shop, "parcel": parcel, "night": night}


def main() -> None:
    """Renders every scene into the folder named on the command line, by default the script's own."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    for name, render in SCENES.items():
        render(folder / f"{name}.jpg")


if __name__ == "__main__":
    main()
