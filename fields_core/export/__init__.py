"""Files other programs read: meshes, morph targets, codes, pictures."""

from fields_core.export.head_files import FORMATS, OVERLAY, HeadFormat, export_code, export_head

__all__ = ["FORMATS", "OVERLAY", "HeadFormat", "export_code", "export_head"]
