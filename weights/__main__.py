"""``python -m weights``: the same as ``east weights``."""

import sys

from east.cli.weights import main

if __name__ == "__main__":
    sys.exit(main())
