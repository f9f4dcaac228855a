"""Processes beside this one that do what needs the interpreter for each image of a stream, and the words they find."""

from .pool import Workers, WorkerShelf, travels
from .words import Seen, Sight, Words, find_words

__all__ = ["Seen", "Sight", "Words", "WorkerShelf", "Workers", "find_words", "travels"]
