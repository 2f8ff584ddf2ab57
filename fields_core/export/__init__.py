"""Files other programs read: meshes, morph targets, codes, pictures."""

from fields_core.export.head_files import FORMATS, OVERLAY, HeadFormat, export_code, export_head
from fields_core.export.people import EmotionScores, ExportedPerson, write_table
from fields_core.export.sheet import write_sheet
from fields_core.export.space import GENERAL, TARGETS, Space, Target, custom_target

__all__ = [
    "FORMATS",
    "GENERAL",
    "OVERLAY",
    "TARGETS",
    "EmotionScores",
    "ExportedPerson",
    "HeadFormat",
    "Space",
    "Target",
    "custom_target",
    "export_code",
    "export_head",
    "write_sheet",
    "write_table",
]
