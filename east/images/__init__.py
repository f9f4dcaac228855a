"""Images on their way into the network: decoded from whatever holds them, then resized."""

from .decoding import ImageInput, load_image
from .header import ImageHeader, header_size, read_header
from .preparation import PreparedImage, prepare
from .sizing import network_size, resize, to_image_frame
from .tiling import network_size_of

__all__ = [
    "ImageHeader",
    "ImageInput",
    "PreparedImage",
    "header_size",
    "load_image",
    "network_size",
    "network_size_of",
    "prepare",
    "read_header",
    "resize",
    "to_image_frame",
]
