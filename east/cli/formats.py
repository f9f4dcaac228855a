"""The formats in which commands write what was found, by name."""

EACH = ("icdar", "hocr", "alto", "page", "png")
"""Those with a file for each image."""

DETECTED = ("json", "jsonl", "csv", *EACH, "coco", "label-studio")
"""Those that make sense of words that nobody has read; those that are not `EACH` put all images into one file."""

READ = ("text", *DETECTED, "pdf")
"""Those for words that were read, and so all; a PDF is searchable by them."""
