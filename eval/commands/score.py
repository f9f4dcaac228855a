"""``python -m eval score``: any submission, whoever made it, against a ground truth."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "score",
        help="score a submission as the competition does",
        description="Scores a submission of ICDAR2015 task 4.1 as the Robust Reading Competition does, with the "
        "same format checks.",
    )
    parser.add_argument("--gt", type=Path, required=True, metavar="PATH", help="zip or folder of gt_img_N.txt")
    parser.add_argument("--submission", type=Path, required=True, metavar="PATH", help="zip or folder of res_img_N.txt")
    parser.add_argument(
        "--confidences",
        action=argparse.BooleanOptionalAction,
        help="lines end with a confidence, and average precision is computed (default: as the first line has it)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, unrounded")
    parser.add_argument("--per-image", type=Path, metavar="FILE", help="write the result of every image as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Scores and prints."""
    from east.files import written_whole
    from east.metrics import figures, score
    from east.outputs import Output, check_outputs

    from ..submission import read_ground_truths, read_submission

    if args.per_image is not None:
        read = (args.gt, args.submission)
        inputs = [file for path in read for file in (path.iterdir() if path.is_dir() else [path])]
        check_outputs([Output("--per-image", args.per_image)], inputs)
    truths = read_ground_truths(args.gt)
    detected = read_submission(args.submission, truths, confidences=args.confidences)
    result = score(truths, detected)
    if args.per_image is not None:
        images = {
            key: {
                **figures(image),
                **asdict(image.counts),
                "pairs": [{"gt": word, "det": detection} for word, detection in image.pairs],
                "detDontCare": list(image.set_aside),
            }
            for key, image in result.images.items()
        }
        with written_whole(args.per_image) as file:
            file.write((json.dumps(images, indent=1) + "\n").encode())
    if args.json:
        print(json.dumps(figures(result)))
    else:
        counts, ranked = result.counts, any(found.confidences is not None for found in detected.values())
        print(f"recall     {result.recall:.6f}  ({counts.matched:,} of {counts.words:,} words)")
        print(f"precision  {result.precision:.6f}  ({counts.matched:,} of {counts.detections:,} detections)")
        print(f"F1         {result.hmean:.6f}")
        print(f"AP         {result.ap:.6f}" if ranked else "AP         -  (no confidences)")
    return 0
