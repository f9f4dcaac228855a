"""``python -m serving``."""

from __future__ import annotations

import sys

from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from .auth import KeyRing
from .settings import Settings


def main() -> int:
    """Reads the settings and serves. Returns the exit status: 2 for settings that are wrong."""
    try:
        settings = CliApp.run(Settings)
        KeyRing(settings.security)
    except ValidationError as error:
        for wrong in error.errors():
            name = ".".join(str(part) for part in wrong["loc"] if not isinstance(part, int)).replace("_", "-")
            sys.stderr.write(f"python -m serving: --{name}: {wrong['msg']}, got {wrong['input']!r}\n")
        return 2
    except (SettingsError, OSError, ValueError) as error:
        sys.stderr.write(f"python -m serving: {error}\n")
        return 2
    from .process import serve

    return serve(settings)


if __name__ == "__main__":
    sys.exit(main())
