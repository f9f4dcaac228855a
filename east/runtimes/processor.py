"""What the system says about the processor."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_X86 = frozenset(["x86_64", "amd64", "i386", "i686"])


def name() -> str:
    """What it is called, as far as the system says it."""
    return next(_told("model name"), platform.processor() or platform.machine() or "CPU")


def adds_products_exactly() -> bool:
    """Whether products of an unsigned and a signed byte are added up in 32 bits.

    x86 without VNNI adds two of them in 16 bits, where sums over 32767 are cut off. False where it is not known.
    """
    if platform.machine().lower() not in _X86:
        return True
    return bool({"avx512_vnni", "avx_vnni"} & set(next(_told("flags"), "").split()))


def _told(key: str) -> Iterator[str]:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                yield line.partition(":")[2].strip()
