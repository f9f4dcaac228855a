"""Reports: the figures as JSON and Markdown, the submission, plots, and a gallery of the worst images."""

from .document import overview
from .write import write_report

__all__ = ["overview", "write_report"]
