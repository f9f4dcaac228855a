"""The runtimes, and the choice among them."""

from .choice import Choice, availability, choose, convert_model, load_runtime, resolve

__all__ = ["Choice", "availability", "choose", "convert_model", "load_runtime", "resolve"]
