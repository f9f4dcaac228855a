"""Blocks in colour: ink, outlines and shadows, with or without a plate behind."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .blend import Light
from .block import Block

Colour = NDArray[np.float32]
SIGNS = np.asarray(  # colours that signs are made in
    [
        (245, 245, 240), (20, 20, 22), (250, 205, 20), (200, 25, 35), (15, 70, 160), (10, 120, 70), (240, 130, 20),
        (120, 60, 30), (90, 95, 100), (225, 215, 190), (60, 150, 210), (110, 30, 110), (170, 175, 178), (30, 40, 70),
    ],
    np.float32,
)  # fmt: skip
LAMPS = np.asarray([(255, 170, 40), (255, 60, 40), (90, 255, 110), (250, 250, 235), (120, 190, 255)], np.float32)


def paint(
    rng: np.random.Generator, block: Block, surface: Colour, roughness: float, *, lit: bool = False
) -> NDArray[np.float32]:
    """Colours a block for a surface: float32 ``(H, W, 4)``, red, green, blue 0..255 and opacity 0..1.

    ``surface`` is the surface's mean colour, levels 0..255, and ``roughness`` the standard deviation of its levels;
    what is ``lit`` takes on the light that lies on the surface, but for a display, which has its own.
    """
    kind = rng.random()
    if kind < 0.06:
        return led(rng, block)
    light = Light.around(rng, surface) if lit else None
    on_plate = kind < 0.5 or (roughness > 45 and kind < 0.8)
    ink = block.ink.astype(np.float32) / 255
    if on_plate:
        ground = _sign_colour(rng)
        layer = plate(rng, ink.shape, ground)
    else:
        ground = light.painted(surface) if light else surface
        layer = np.zeros((*ink.shape, 4), np.float32)
    least = 35 if on_plate else 55 + 0.5 * min(roughness, 60)
    colour = contrasting(rng, ground, least=min(least / light.strength, 120) if light else least)
    if rng.random() < (0.15 if on_plate else 0.35) or (not on_plate and roughness > 40):
        _decorate(rng, layer, ink, contrasting(rng, colour, least=60))
    strength = rng.uniform(0.8, 1.0) if rng.random() < 0.3 else 1.0
    shade = _ramp(rng.uniform(0.8, 1.15, size=2), ink.shape[0])[:, None, None]
    over(layer, np.clip(colour * shade, 0, 255), ink * strength)
    if light:
        light.shine_on(layer)
    return layer


def over(layer: NDArray[np.float32], colour: NDArray[np.float32], opacity: NDArray[np.float32]) -> None:
    """Lays ``colour`` of ``opacity`` over an RGBA layer, in place."""
    a = opacity[..., None]
    total = a + layer[..., 3:] * (1 - a)
    layer[..., :3] = (colour * a + layer[..., :3] * layer[..., 3:] * (1 - a)) / np.maximum(total, 1e-4)
    layer[..., 3:] = total


def plate(rng: np.random.Generator, shape: tuple[int, ...], colour: Colour) -> NDArray[np.float32]:
    """A sign's empty face: shaded, perhaps rounded and framed."""
    height, width = shape
    layer = np.empty((height, width, 4), np.float32)
    across = _ramp(rng.normal(1, 0.08, size=2), width)[None, :, None]
    down = _ramp(rng.normal(1, 0.08, size=2), height)[:, None, None]
    layer[..., :3] = np.clip(colour * across * down, 0, 255)
    layer[..., 3] = 1.0
    short = min(height, width)
    if rng.random() < 0.3:
        inset, thickness = int(rng.uniform(0.02, 0.06) * short), max(1, int(rng.uniform(0.01, 0.04) * short))
        border = contrasting(rng, colour, least=40)
        face = np.ascontiguousarray(layer[..., :3])
        cv2.rectangle(
            face, (inset, inset), (width - 1 - inset, height - 1 - inset), [float(c) for c in border], thickness
        )
        layer[..., :3] = face
    if rng.random() < 0.3:
        radius = int(rng.uniform(0.05, 0.3) * short)
        mask = np.zeros((height, width), np.uint8)
        cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
        cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, -1)
        for x in (radius, width - 1 - radius):
            for y in (radius, height - 1 - radius):
                cv2.circle(mask, (x, y), radius, (255,), -1)
        layer[..., 3] = mask.astype(np.float32) / 255
    return layer


def led(rng: np.random.Generator, block: Block) -> NDArray[np.float32]:
    """A display of lamps on black: the ink sampled at a grid of dots, with a glow."""
    height, width = block.ink.shape
    pitch = max(2.0, float(np.ptp(block.quads[0, :, 1])) / rng.uniform(9, 16))
    grid = (max(2, int(width / pitch)), max(2, int(height / pitch)))
    lit = (cv2.resize(block.ink, grid, interpolation=cv2.INTER_AREA) > 90).astype(np.float32)
    lamps = cv2.resize(lit, (width, height), interpolation=cv2.INTER_NEAREST)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dots = np.clip(np.sin(np.pi * x * grid[0] / width) ** 2 * np.sin(np.pi * y * grid[1] / height) ** 2 * 2.2, 0.1, 1)
    if pitch < 3:
        dots[:] = 1
    glow = cv2.GaussianBlur(lamps, (0, 0), pitch)
    colour = LAMPS[rng.integers(len(LAMPS))]
    ground = rng.uniform(5, 40)
    light = np.clip(lamps * dots + 0.35 * glow, 0, 1)[..., None]
    layer = np.ones((height, width, 4), np.float32)
    layer[..., :3] = ground + (colour - ground) * light
    return layer


def contrasting(rng: np.random.Generator, ground: Colour, least: float) -> Colour:
    """A colour whose luminance differs from the ground's by ``least``, where luminance leaves room for it."""
    luminance = _luminance(ground)
    for _ in range(8):
        colour = _sign_colour(rng) if rng.random() < 0.6 else rng.uniform(0, 255, 3).astype(np.float32)
        if abs(_luminance(colour) - luminance) >= least:
            return colour
    return np.full(3, 245 if luminance < 128 else 15, np.float32)


def _decorate(rng: np.random.Generator, layer: NDArray[np.float32], ink: NDArray[np.float32], colour: Colour) -> None:
    stroke = max(1, round(0.012 * ink.shape[0] * rng.uniform(0.5, 2)))
    kind = rng.random()
    if kind < 0.4:  # outline
        grown = cv2.dilate(ink, np.ones((2 * stroke + 1, 2 * stroke + 1), np.uint8))
        over(layer, colour, np.asarray(grown, np.float32))
    elif kind < 0.75:  # shadow, soft or thrown
        dx, dy = (int(v) for v in rng.integers(-2 * stroke, 2 * stroke + 1, size=2))
        shadow = np.roll(ink, (dy, dx), axis=(0, 1))
        soft = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.5, 1 + stroke))
        over(layer, colour, np.asarray(soft * rng.uniform(0.4, 0.9), np.float32))
    else:  # glow
        glow = cv2.GaussianBlur(ink, (0, 0), 2.0 * stroke)
        over(layer, colour, np.asarray(np.clip(1.6 * glow, 0, 1), np.float32))


def _sign_colour(rng: np.random.Generator) -> Colour:
    return np.asarray(np.clip(SIGNS[rng.integers(len(SIGNS))] + rng.normal(0, 14, size=3), 0, 255), np.float32)


def _luminance(colour: Colour) -> float:
    return float(np.dot(colour, (0.299, 0.587, 0.114)))


def _ramp(ends: NDArray[np.float64], length: int) -> NDArray[np.float32]:
    return np.asarray(np.linspace(ends[0], ends[1], length), np.float32)
