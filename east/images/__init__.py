"""Images on their way into the network: decoded from whatever holds them, then resized."""

from .decoding import ImageInput, load_image
from .header import ImageHeader, header_size, read_header
from .pdf import PdfPage, pdf_pages
from .preparation import PreparedImage, prepare
from .sizing import network_size, resize, to_image_frame
from .tiling import network_size_of

__all__ = [
    "ImageHeader",
    "ImageInput",
    "PdfPage",
    "PreparedImage",
    "header_size",
    "load_image",
    "network_size",
    "network_size_of",
    "pdf_pages",
    "prepare",
    "read_header",
    "resize",
    "to_image_frame",
]
