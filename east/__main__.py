"""Entry point of ``python -m east``."""

import sys

from .cli import main

sys.exit(main())
