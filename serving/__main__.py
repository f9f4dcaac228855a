"""``python -m serving``, also ``east serve``."""

from __future__ import annotations

import sys

from east.errors import MissingPackageError
from east.extras import require


def main() -> int:
    """Reads the settings and serves, if what that takes is installed. Returns the exit status of `serving.cli.main`."""
    program = "python -m serving" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
    try:
        require("serve", "the service")
    except MissingPackageError as error:
        sys.stderr.write(f"{program}: {error}\n")
        return 1
    from . import cli

    return cli.main(program)


if __name__ == "__main__":
    sys.exit(main())
