"""Ground truths and submissions of ICDAR2015 task 4.1: text files in a flat zip, or in a folder standing for one."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO

from east.errors import SubmissionError
from east.icdar import Detected, GroundTruth, format_lines, has_confidence, parse_detected, parse_ground_truth

# Matched at the beginning only, dot unescaped, as in the official evaluation: "res_img_1.txt.old" counts as image 1.
_RESULT_NAME = re.compile("res_img_([0-9]+).txt")
_GROUND_TRUTH_NAME = re.compile("gt_img_([0-9]+).txt")
_MAX_BYTES = 256 * 2**20


def read_files(path: Path, name: re.Pattern[str]) -> tuple[dict[str, tuple[str, bytes]], list[str]]:
    """Reads the files of a zip (in its order) or of a folder (by name) whose name begins as ``name`` says.

    Returns:
        Their names and contents, by the number in the name (of two with one number the later counts), and the names
        of the other entries; names of folders end with a slash.

    Raises:
        SubmissionError: when they cannot be read or unpack to more than 256 MiB.
    """
    if path.is_dir():
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
        contents = {entry: (path / entry).read_bytes() for entry in entries if name.match(entry)}
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(info.file_size for info in archive.infolist() if name.match(info.filename)) > _MAX_BYTES:
                    raise SubmissionError(f"{path} unpacks to more than 256 MiB: not a set of ICDAR2015 text files")
                entries = archive.namelist()
                contents = {entry: archive.read(entry) for entry in entries if name.match(entry)}
        except FileNotFoundError:
            raise SubmissionError(f"{path} does not exist: expected a zip or a folder of text files") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise SubmissionError(f"{path} is neither a folder nor a zip that can be read: {error}") from error
    numbered = {match[1]: (entry, data) for entry, data in contents.items() if (match := name.match(entry))}
    return numbered, [entry for entry in entries if entry not in contents]


def read_ground_truths(path: Path) -> dict[str, GroundTruth]:
    """Reads the ``gt_img_N.txt`` of a zip or folder, by image number; other files there are ignored.

    Raises:
        SubmissionError: when there are none.
        FormatError: for a malformed line.
    """
    files, _ = read_files(path, _GROUND_TRUTH_NAME)
    if not files:
        raise SubmissionError(f"{path} holds no ground truth: expected files gt_img_N.txt, not in a sub-folder")
    return {key: parse_ground_truth(data, name) for key, (name, data) in files.items()}


def read_submission(path: Path, images: Collection[str], *, confidences: bool | None = None) -> dict[str, Detected]:
    """Reads and checks a submission as the competition does.

    Args:
        path: zip, or folder standing for one.
        images: the image numbers of the ground truth; missing result files are allowed, unknown ones are not.
        confidences: whether lines end with a confidence; None decides by the first line.

    Raises:
        SubmissionError: for an unreadable zip or a wrong file name.
        FormatError: for a malformed line.
    """
    files, others = read_files(path, _RESULT_NAME)
    if others:
        raise SubmissionError(f"{path} holds {others[0]!r}: only files res_img_N.txt, not in a sub-folder, are allowed")
    for key, (name, _) in files.items():
        if key not in images:
            raise SubmissionError(f"{path} holds {name!r}, but the ground truth has no image {key}")
    if confidences is None:
        confidences = next((has for _, data in files.values() if (has := has_confidence(data)) is not None), False)
    return {key: parse_detected(data, name, confidences=confidences) for key, (name, data) in files.items()}


def write_submission(file: IO[bytes], detected: Mapping[str, Detected]) -> None:
    """Writes the zip that the competition site takes: eight integers a line, CRLF, no confidences.

    The same detections give the same bytes.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, found in detected.items():
            lines = format_lines(found.quads, end="\r\n")
            archive.writestr(zipfile.ZipInfo(f"res_img_{key}.txt"), lines, zipfile.ZIP_DEFLATED)
