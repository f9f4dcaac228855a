"""Synthetic scene text: words in any typeface on any picture, with the quads they were drawn at."""
