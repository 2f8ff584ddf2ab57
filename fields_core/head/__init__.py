"""The head model: its files, its geometry and the codes that drive it."""

from fields_core.head.code_file import load_code, save_code
from fields_core.head.loading import load_head
from fields_core.head.model import HeadModel

__all__ = ["HeadModel", "load_code", "load_head", "save_code"]
