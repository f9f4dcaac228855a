"""Images on their way into the network: decoded from whatever holds them, then resized."""

from .decoding import MAX_PIXELS, ImageInput, header_size, load_image
from .sizing import Rounding, network_size, resize, to_image_frame

__all__ = [
    "MAX_PIXELS",
    "ImageInput",
    "Rounding",
    "header_size",
    "load_image",
    "network_size",
    "resize",
    "to_image_frame",
]
