"""One training step per Keras backend, behind one interface."""

from .base import Trainer, make_trainer

__all__ = ["Trainer", "make_trainer"]
