"""What decodes the maps and orders the words, compiled by Numba while the network loads, or before anything is done."""

from __future__ import annotations


def compile_meanwhile() -> None:
    """Begins to compile it, or to find it compiled, in a thread; see `east.compiled`."""
    _import_compiled()
    from .compiled import compile_in_background  # Numba takes as long to load as the network

    compile_in_background()


def compile_now() -> None:
    """Compiles what is not compiled yet, before it returns."""
    _import_compiled()
    from .compiled import compile_all

    compile_all()


def _import_compiled() -> None:
    """Imports every module that has something to compile."""
    from .images import mixing
    from .layout import order
    from .postprocess import patches, polygon, seams, sides

    del mixing, order, patches, polygon, seams, sides
