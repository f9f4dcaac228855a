"""The command line of the service: settings from flags, environment and file."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from pydantic_settings import CliSettingsSource

from .auth import KeyRing
from .settings import ClusterSettings, complaints


class _Help(argparse.HelpFormatter):
    """Says nothing of a default of None: what that means, the help says in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help and action.help.replace(" (default: None)", "")


def main(program: str) -> int:
    """Reads the settings and serves, under the name ``program``.

    Returns:
        The exit status: 2 for settings that are wrong.
    """
    parser = argparse.ArgumentParser(
        program, "%(prog)s [-h] [--FLAG VALUE ...]", ClusterSettings.__doc__, formatter_class=_Help, allow_abbrev=False
    )
    source: CliSettingsSource[argparse.ArgumentParser] = CliSettingsSource(ClusterSettings, root_parser=parser)
    parser.add_argument("--workers", nargs="?", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    args = parser.parse_args()

    def read() -> ClusterSettings:
        given: dict[str, Any] = {
            "_cli_settings_source": source(parsed_args=args),
            "_env_file": vars(args).get("settings_file"),
        }
        return ClusterSettings(**given)

    try:
        if "workers" in args:
            raise ValueError("--workers is gone: run several processes or replicas behind a load balancer")
        settings = read()
        KeyRing(settings.security)
    except (OSError, ValueError) as error:
        if vars(args).get("debug"):
            raise
        for line in complaints(error):
            sys.stderr.write(f"{program}: {line}\n")
        return 2
    if settings.ray:
        from . import ray

        return ray.serve(settings, program)
    from .process import serve

    return serve(settings, read)
