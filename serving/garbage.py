"""The collector of garbage, which holds the interpreter, and with it every thread, for as long as it walks objects."""

from __future__ import annotations

import gc


def keep_what_there_is() -> None:
    """Has the collector never again walk what this process holds now; to be called once it has all that it keeps.

    Modules, models and routes are some hundred thousand objects, none of which becomes garbage. To walk them, as a full
    collection does whenever a quarter as many have been made, takes tenths of a second.
    """
    gc.collect()
    gc.freeze()
