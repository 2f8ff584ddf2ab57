"""Pictures of heads: rasterizers, differentiable shading, photo textures, overlays."""

from fields_core.render.appearance import AppearanceFitter
from fields_core.render.interpolation import vertex_normals
from fields_core.render.lighting import estimate_lighting
from fields_core.render.renderer import HeadRenderer, RenderedHead
from fields_core.render.texture import TextureProjector, project_texture

__all__ = [
    "AppearanceFitter",
    "HeadRenderer",
    "RenderedHead",
    "TextureProjector",
    "estimate_lighting",
    "project_texture",
    "vertex_normals",
]
