from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from east.images.tiling import OVERLAP, network_size_of, tiles_of
from east.options import MAX_SIDE, DetectorOptions, Tiling
from east.types import Size

sides = st.integers(1, 20_000)
tilings = st.sampled_from(["auto", "off", 256, 300, 1024, 2400])


def cost(size: Size, options: DetectorOptions) -> tuple[int, int]:
    """Pixels that the network is given of an image, and in how many tiles."""
    tiles = tiles_of(network_size_of(size, options), options)
    return tiles.tile.height * tiles.tile.width * len(tiles.corners), len(tiles.corners)


@given(sides, sides, tilings)
def test_tiles_cover_all_with_an_overlap_and_no_more(height: int, width: int, tiling: Tiling) -> None:
    options = DetectorOptions(tiling=tiling)
    size = network_size_of(Size(height, width), options)
    tiles = tiles_of(size, options)
    most = tiling // 32 * 32 if isinstance(tiling, int) else MAX_SIDE
    assert tiles.image == size
    for axis in range(2):
        starts = sorted({corner[axis] for corner in tiles.corners})
        side = tiles.tile[axis]
        assert (starts[0], starts[-1] + side) == (0, size[axis])
        assert all(number % 32 == 0 for number in (*starts, side))
        assert side <= max(most, 32)
        overlap = min(OVERLAP, most // 4) - 64
        assert all(overlap <= before + side - after < side for before, after in pairwise(starts))
    assert len(tiles.corners) == len({*tiles.corners})
    assert tiling != "off" or len(tiles.corners) == 1


@given(st.integers(1, 128_000_000), st.integers(1, 40), tilings)
def test_nothing_is_blown_up(longest: int, short: int, tiling: Tiling) -> None:
    for size in (Size(longest, short), Size(short, longest)):
        seen = network_size_of(size, DetectorOptions(tiling=tiling))
        assert seen.height * seen.width <= max(longest * short, MAX_SIDE**2)


@pytest.mark.parametrize(
    "size", [(720, 1280), (2400, 2400), (3000, 4000), (2160, 3840), (3024, 4032), (2268, 4032), (1080, 3200)]
)
def test_what_shrinks_little_is_seen_whole_and_costs_what_it_did(size: tuple[int, int]) -> None:
    whole = DetectorOptions(tiling="off")
    for one in (Size(*size), Size(*size[::-1])):
        assert network_size_of(one, DetectorOptions()) == network_size_of(one, whole)
        assert cost(one, DetectorOptions()) == cost(one, whole)


@pytest.mark.parametrize(
    ("size", "scale"),
    [((4000, 1080), 1), ((16_000, 1080), 1), ((24_000, 1080), 1), ((9000, 12_000), 0.5), ((4000, 6000), 0.6)],
)
def test_what_would_shrink_far_is_cut_at_a_scale_that_keeps_words(size: tuple[int, int], scale: float) -> None:
    for one in (Size(*size), Size(*size[::-1])):
        seen = network_size_of(one, DetectorOptions())
        assert all(side * scale - 32 < shown <= side * scale for side, shown in zip(one, seen, strict=True))
        assert cost(one, DetectorOptions())[1] > 1


def test_cost_is_linear_in_the_pixels() -> None:
    for height in range(5000, 100_000, 777):
        pixels, _ = cost(Size(height, 1080), DetectorOptions())
        assert pixels < 1.3 * height * 1080


def test_a_longest_side_keeps_its_meaning() -> None:
    for most in (640, 2400, 16_000):
        options = DetectorOptions(max_side=most)
        size = network_size_of(Size(16_000, 1080), options)
        assert size.height == most
        assert len(tiles_of(size, options).corners) == 1
    options = DetectorOptions(max_side=4800, tiling=1024)
    assert network_size_of(Size(16_000, 1080), options).height == 4800
    assert tiles_of(Size(4800, 320), options).tile.height <= 1024


def test_a_fixed_size_is_not_cut() -> None:
    for tiling in ("auto", "off", 256):
        options = DetectorOptions(input_size=(672, 12_800), tiling=tiling)
        size = network_size_of(Size(100, 100), options)
        assert size == (672, 12_800)
        assert len(tiles_of(size, options).corners) == 1
