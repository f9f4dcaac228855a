"""Every runtime and precision on this machine, in turns, against TensorFlow FP32.

    python bench/runtimes.py [--batch 1 8] [--output DIR]

The same as ``python -m eval speed``, whose options it takes.
"""

from __future__ import annotations

import sys

from eval.cli import main

if __name__ == "__main__":
    sys.exit(main(["speed", *sys.argv[1:]]))
