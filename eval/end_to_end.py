"""The competition's evaluation of reading, end to end: a word counts when it is found and its text is right.

Karatzas et al., "ICDAR 2015 competition on robust reading", ICDAR 2015, in the form in which the Robust Reading
Competition publishes it for task 4.4 (https://rrc.cvc.uab.es/?ch=4, script ``E2E_iou``), without a lexicon. Words are
matched as for task 4.1. The text of a match is right if it equals the transcription but for the case of letters, and
for one special character at each end of the transcription, which may be read or not. All legible words count, also
short ones: that words need three letters is a rule of word spotting, and of the lexicons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from east.icdar import Detected, GroundTruth, parse_detected
from east.metrics import Counts, score_image

from .journal import ImageResult

SPECIAL_CHARACTERS = "!?.:,*\"()·[]/'"
"""What a transcription may begin and end with that need not be read."""


@dataclass(frozen=True, eq=False)
class ReadWords:
    """What was read in one image: the words, by falling confidence of the detection, and their texts."""

    words: Detected
    texts: tuple[str, ...]

    @classmethod
    def of(cls, key: str, result: ImageResult) -> ReadWords:
        """Of what was found in the image of that number. A word in which nothing was read is none."""
        read = [(line, text) for line, text in zip(result.lines.splitlines(), result.texts or (), strict=True) if text]
        lines = "".join(f"{line}\n" for line, _ in read)
        words = parse_detected(lines.encode(), f"res_img_{key}.txt", confidences=True)
        confidences = np.array([float(line.rpartition(",")[2]) for line, _ in read], np.float64)
        return cls(words, tuple(read[index][1] for index in np.argsort(-confidences)))


def is_right(transcription: str, text: str) -> bool:
    """Whether a text is what the transcription says, by the competition's rules."""
    wanted, read = transcription.upper(), text.upper()
    starts = {0, int(wanted[:1] in SPECIAL_CHARACTERS)}
    ends = {len(wanted), len(wanted) - int(wanted[-1:] in SPECIAL_CHARACTERS)}
    return any(read == wanted[start:end] for start in starts for end in ends)


def score_texts(truths: Mapping[str, GroundTruth], read: Mapping[str, ReadWords]) -> Counts:
    """How many words were read right, of how many there are and of how many that were read; by image number."""
    counts = Counts()
    for key, truth in truths.items():
        image = score_image(truth, read[key].words)
        right = [is_right(truth.transcriptions[word], read[key].texts[found]) for word, found in image.pairs]
        counts += Counts(sum(right), image.counts.words, image.counts.detections)
    return counts
