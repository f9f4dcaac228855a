"""Prints the text of pictures, line by line: ``python examples/ocr_rapidocr.py sign.jpg …``."""

import sys

from east import TextDetector
from east.ocr import RapidOcr

detector, recogniser = TextDetector(score_threshold=0.5), RapidOcr()
for path in sys.argv[1:] or ["demo/shop.jpg"]:
    page = detector.detect(path).read(recogniser, text_threshold=0.7)
    print(page.text)
