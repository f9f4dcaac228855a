"""``python -m eval compare``: which images and words changed between two runs."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from east.errors import ReportError
from east.flags import positive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from east.icdar import GroundTruth

    from ..comparison import Comparison, ImageChange
    from ..report import SavedRun


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "compare",
        help="what changed between two runs",
        description="Compares two runs on the same images: the figures, a 95 % interval of the F1 difference by a "
        "paired bootstrap over images, and the words that only one of them found.",
    )
    for name in ("a", "b"):
        parser.add_argument(name, type=Path, metavar=name.upper(), help="folder that --report wrote, or a submission")
    parser.add_argument("--gt", type=Path, metavar="PATH", help="ground truths, needed for submissions")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--resamples", type=positive, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--most", type=positive, default=20, metavar="N", help="images to list (default: 20)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compares and prints."""
    from ..comparison import compare

    a, b = (_read(path, args.gt) for path in (args.a, args.b))
    if a.truths.keys() != b.truths.keys() or not all(
        truth.transcriptions == b.truths[key].transcriptions and (truth.quads == b.truths[key].quads).all()
        for key, truth in a.truths.items()
    ):
        raise ReportError(f"{args.a} and {args.b} are not on the same images and ground truths: nothing to compare")
    result = compare(a.truths, a.detected, b.detected, resamples=args.resamples, seed=args.seed)
    if args.json:
        print(json.dumps(_values(result, a.truths), ensure_ascii=False, indent=1))
    else:
        ranked = all(any(found.confidences is not None for found in one.detected.values()) for one in (a, b))
        print(_text(result, a.truths, args.most, ranked=ranked))
    return 0


def _read(path: Path, truths: Path | None) -> SavedRun:
    from ..report import SavedRun, is_report, read_report
    from ..submission import read_ground_truths, read_submission

    if is_report(path):
        return read_report(path)
    if not path.exists():
        raise ReportError(f"{path} does not exist: expected a folder that --report wrote, or a submission")
    if truths is None:
        raise ReportError(f"{path} is no folder of a report; for a submission name the ground truths by --gt")
    ground_truths = read_ground_truths(truths)
    return SavedRun(ground_truths, read_submission(path, ground_truths))


def _text(result: Comparison, truths: Mapping[str, GroundTruth], most: int, *, ranked: bool) -> str:
    lines = [f"{'':10}{'A':>10}{'B':>10}{'B - A':>11}"]
    for name in ("recall", "precision", "hmean", *(["ap"] if ranked else [])):
        before, after = getattr(result.a, name), getattr(result.b, name)
        label = {"hmean": "F1", "ap": "AP"}.get(name, name)
        lines.append(f"{label:10}{before:10.4f}{after:10.4f}{after - before:+11.4f}")
    low, high = result.interval
    verdict = "includes 0" if low <= 0 <= high else "excludes 0"
    lines.append(f"F1 difference {result.difference:+.4f}, 95 % interval {low:+.4f} to {high:+.4f} ({verdict})")
    lost = sum(len(change.lost) for change in result.changes)
    gained = sum(len(change.gained) for change in result.changes)
    lines.append(f"{len(result.changes)} of {len(truths)} images changed; {lost} words lost, {gained} words gained")
    lines += [f"  {_line(change, truths[change.key])}" for change in result.changes[:most]]
    if len(result.changes) > most:
        lines.append(f"  and {len(result.changes) - most} more images (--most, --json)")
    return "\n".join(lines)


def _line(change: ImageChange, truth: GroundTruth) -> str:
    parts = [f"image {change.key}:"]
    for label, words in (("lost", change.lost), ("gained", change.gained)):
        if words:
            parts.append(f"{label} {', '.join(repr(truth.transcriptions[word]) for word in words)};")
    if change.false_alarms[0] != change.false_alarms[1]:
        parts.append(f"false alarms {change.false_alarms[0]} -> {change.false_alarms[1]}")
    return " ".join(parts).rstrip(";")


def _values(result: Comparison, truths: Mapping[str, GroundTruth]) -> dict[str, Any]:
    from east.metrics import figures

    return {
        "a": figures(result.a),
        "b": figures(result.b),
        "hmean_difference": result.difference,
        "interval": list(result.interval),
        "changes": [
            {
                **asdict(change),
                "lost_words": [truths[change.key].transcriptions[word] for word in change.lost],
                "gained_words": [truths[change.key].transcriptions[word] for word in change.gained],
            }
            for change in result.changes
        ],
    }
