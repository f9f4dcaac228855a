"""OpenVINO, imported without its usage reports."""

from __future__ import annotations

import sys
from types import ModuleType


def openvino() -> ModuleType:
    """The ``openvino`` module.

    OpenVINO and NNCF report their use to their makers through ``openvino_telemetry`` when it can be imported,
    without asking. A detector has no business doing that, so here it cannot; both go on without it.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino  # type: ignore[no-any-return]
