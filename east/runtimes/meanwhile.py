"""What decodes the maps, compiled by Numba while the network loads."""

from __future__ import annotations

from importlib import import_module

COMPILED = (
    "east.postprocess.polygon",
    "east.postprocess.patches",
    "east.postprocess.seams",
    "east.layout.order",
)


def compile_meanwhile() -> None:
    """Begins to compile it, or to find it compiled, in a thread; see `east.postprocess.compiled`."""
    for module in COMPILED:
        import_module(module)
    from ..postprocess.compiled import compile_in_background  # Numba takes as long to load as the network

    compile_in_background()


def compile_now() -> None:
    """Compiles what is not compiled yet, before it returns."""
    for module in COMPILED:
        import_module(module)
    from ..postprocess.compiled import compile_all

    compile_all()
