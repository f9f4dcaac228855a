"""Images on their way into the network: decoded from whatever holds them, then resized."""

from .decoding import ImageInput, header_size, load_image
from .preparation import PreparedImage, network_size_of, prepare
from .sizing import network_size, resize, to_image_frame

__all__ = [
    "ImageInput",
    "PreparedImage",
    "header_size",
    "load_image",
    "network_size",
    "network_size_of",
    "prepare",
    "resize",
    "to_image_frame",
]
