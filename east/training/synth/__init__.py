"""Synthetic scene text: words in any fonts on any pictures, with the quads they were drawn at."""
