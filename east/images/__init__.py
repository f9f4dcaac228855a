"""Images on their way into the network: decoded from whatever holds them, then resized."""

from .decoding import ImageInput, load_image
from .header import ImageHeader, header_size, read_header
from .sizing import network_size, resize, to_image_frame

__all__ = [
    "ImageHeader",
    "ImageInput",
    "header_size",
    "load_image",
    "network_size",
    "read_header",
    "resize",
    "to_image_frame",
]
