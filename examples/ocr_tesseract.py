"""Prints each word of pictures and how sure Tesseract is: ``python examples/ocr_tesseract.py sign.jpg …``."""

import sys

from east import TextDetector
from east.ocr import Tesseract

detector, recogniser = TextDetector(), Tesseract(language="eng")
for path in sys.argv[1:] or ["demo/shop.jpg"]:
    for word in detector.detect(path).read(recogniser):
        print(f"{word.text_confidence:.2f} {word.text}")
