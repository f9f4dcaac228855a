"""Results in the formats of other tools: one module a format.

The functions for one page take one `Detections` and stand behind its methods; `to_coco`, `to_label_studio` and `to_pdf`
take any number of them.
"""

from .alto import to_alto
from .coco import to_coco
from .hocr import to_hocr
from .label_studio import LABEL_STUDIO_CONFIG, to_label_studio
from .libraries import to_pandas, to_shapely, to_supervision
from .page_xml import to_page_xml
from .pdf import to_pdf
from .saving import SUFFIXES, save

__all__ = [
    "LABEL_STUDIO_CONFIG",
    "SUFFIXES",
    "save",
    "to_alto",
    "to_coco",
    "to_hocr",
    "to_label_studio",
    "to_page_xml",
    "to_pandas",
    "to_pdf",
    "to_shapely",
    "to_supervision",
]
