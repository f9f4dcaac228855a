"""Errors of the evaluation.

::

    EastError
    └── EvaluationError
        ├── DatasetError       images or ground truths that cannot be used; one problem per line
        ├── FormatError        a line of a ground truth or result file that the protocol refuses
        ├── SubmissionError    a submission that the protocol refuses as a whole
        └── ReportError        a report that cannot be read back or written
"""

from __future__ import annotations

from east.errors import EastError


class EvaluationError(EastError):
    """Base of the errors of the evaluation."""


class DatasetError(EvaluationError):
    """Images or ground truths that cannot be used; the message has one line per problem."""


class FormatError(EvaluationError):
    """A line that the protocol refuses; the message names file, line number and content."""


class SubmissionError(EvaluationError):
    """A submission that the protocol refuses as a whole."""


class ReportError(EvaluationError):
    """A report that cannot be read back or written."""
