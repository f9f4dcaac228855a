"""``python -m serving`` with a stand-in for the network, see `bench.recorded`; ``EAST_RECORDED`` names its file."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bench.recorded import without_network
from east.options import EVALUATION_SIZE
from serving.cli import main

if __name__ == "__main__":
    with without_network(EVALUATION_SIZE, Path(os.environ["EAST_RECORDED"])):
        sys.exit(main("recorded_service"))
