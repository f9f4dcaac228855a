"""The runtimes, and the choice among them."""

from .choice import NAMES, Choice, availability, choose, convert_model, load_runtime, resolve

__all__ = ["NAMES", "Choice", "availability", "choose", "convert_model", "load_runtime", "resolve"]
