"""Entry point of ``python -m eval``."""

import atexit
import gc
import sys

from .cli import main

atexit.register(gc.freeze)  # the end of the process frees everything; collecting Numba's modules first takes 0.15 s
sys.exit(main())
