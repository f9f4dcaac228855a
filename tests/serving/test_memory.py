from __future__ import annotations

from pathlib import Path

import pytest

from serving.memory import GIB, affordable_pixels, available_memory


def test_large_images_are_taken_where_there_is_memory_for_them() -> None:
    assert affordable_pixels(64 * GIB) == 128_000_000
    assert affordable_pixels(GIB // 2) == 16_000_000
    assert 50_000_000 < affordable_pixels(3 * GIB) < 80_000_000
    assert 16_000_000 <= affordable_pixels() <= 128_000_000


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("0::/", {"memory.max": "3221225472"}, 3 * GIB),
        ("0::/", {"memory.max": "max"}, None),
        ("0::/pod/east", {"pod/memory.max": "2147483648", "pod/east/memory.max": "max"}, 2 * GIB),
        ("5:cpu,memory:/a\n4:pids:/b", {"memory/memory.limit_in_bytes": "1073741824"}, GIB),
        ("4:pids:/b", {"memory.max": "1073741824"}, None),
    ],
)
def test_what_a_container_may_have(group: str, limits: dict[str, str], expected: int | None, tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(group + "\n")
    for name, text in limits.items():
        place = tmp_path / "sys/fs/cgroup" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text + "\n")
    physical = available_memory(tmp_path / "nothing")
    assert available_memory(tmp_path) == (physical if expected is None else expected)
