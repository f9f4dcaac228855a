"""Everything this project raises on purpose.

::

    EastError
    ├── ImageError                   an image that cannot be used, or that needs a package to be read
    │   ├── ImageDecodeError         empty, truncated, corrupt, out of all proportion or not an image
    │   ├── ImageTooLargeError       more pixels than the limit, or too long a side, told from the header
    │   └── TooManyBoxesError        more boxes than the limit, because the thresholds are lax
    ├── WeightsError                 unknown weights, or an unreadable file of them
    │   ├── DamagedFileError         a file whose hash is not the one on record
    │   └── CheckpointError          missing or mis-shaped variables, each listed
    ├── GraphError                   a graph without the named nodes, or with training left in it
    ├── MissingPackageError          a package that is not installed, and the extra that brings it
    ├── RuntimeUnavailableError      a runtime this machine cannot run, and what is missing
    ├── UnsupportedPrecisionError    a precision the named runtime cannot do
    ├── CalibrationError             no usable calibration images
    ├── ConversionError              a conversion that failed or converted nothing
    ├── UsageError                   flags or settings that do not go together
    ├── WorkerError                  a process beside the detector's that ended before its work was done
    ├── DisplayError                 no display to show an image on, or no program for it
    ├── ServiceError                 an answer of the service that is not boxes, as its Python client sees it
    └── EvaluationError              an evaluation that cannot be done
        ├── DatasetError             images or ground truths that cannot be used; one problem per line
        ├── FormatError              a line of a ground truth or result file that the protocol refuses
        ├── SubmissionError          a submission that the protocol refuses as a whole
        └── ReportError              a report that cannot be read back or written

Inside the service, `serving.problems.Problem` is what a request is refused with: an HTTP answer, no `EastError`.

Each message is one line: what was wrong, with the offending value, and what to do.
Wrong argument types and values raise the built-in ``TypeError`` and ``ValueError``.
"""


class EastError(Exception):
    """Base of all errors raised on purpose."""


class ImageError(EastError):
    """An image that cannot be used.

    Attributes:
        source: the file that it is of, as `Detections.source`; empty where there is none, or none is known.
    """

    source: str = ""


class ImageDecodeError(ImageError):
    """Empty, truncated, corrupt or not an image."""


class ImageTooLargeError(ImageError):
    """More pixels than the limit."""


class TooManyBoxesError(ImageError):
    """Thresholds that leave more boxes in the image than the limit."""


class WeightsError(EastError):
    """Unknown weights, or an unreadable file of them."""


class DamagedFileError(WeightsError):
    """A file whose SHA-256 is not the one on record."""


class CheckpointError(WeightsError):
    """Missing or mis-shaped variables."""


class GraphError(EastError):
    """A graph without the named nodes, or with training left in it."""


class MissingPackageError(EastError, ImportError):
    """A package that is not installed by default, and the extra that brings it."""


class RuntimeUnavailableError(EastError):
    """A runtime this machine cannot run."""


class UnsupportedPrecisionError(EastError):
    """A precision the named runtime cannot do."""


class CalibrationError(EastError):
    """No usable calibration images."""


class ConversionError(EastError):
    """A conversion that failed or converted nothing."""


class UsageError(EastError):
    """Flags or settings that do not go together."""


class WorkerError(EastError):
    """A process beside the detector's that ended before its work was done."""


class DisplayError(EastError):
    """No display to show an image on."""


class ServiceError(EastError):
    """An answer of the service that is not boxes.

    Attributes:
        status: HTTP status, 0 when there was no answer at all.
        code: what was wrong, for programs.
        request_id: to quote when asking the service's operator.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.request_id = request_id


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
