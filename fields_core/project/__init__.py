"""Projects: what the user is working on, kept in one ``.fields`` file."""

from fields_core.project.pictures import thumbnail
from fields_core.project.project import Fingerprint, Project, ProjectFace, ProjectIdentity, ProjectPhoto, Scalar
from fields_core.project.reading import locate, read_project
from fields_core.project.summary import ProjectSummary, read_summary
from fields_core.project.writing import SUFFIX, ProjectWriter

__all__ = [
    "SUFFIX",
    "Fingerprint",
    "Project",
    "ProjectFace",
    "ProjectIdentity",
    "ProjectPhoto",
    "ProjectSummary",
    "ProjectWriter",
    "Scalar",
    "locate",
    "read_project",
    "read_summary",
    "thumbnail",
]
