"""Reports: the figures as JSON and Markdown, the submission, plots, and a gallery of the worst images."""

from .document import overview
from .folder import SavedRun, is_report, read_report, report_files, write_report

__all__ = ["SavedRun", "is_report", "overview", "read_report", "report_files", "write_report"]
