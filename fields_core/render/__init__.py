"""Pictures of heads: rasterizers, differentiable shading, photo textures, overlays, turntables."""

from fields_core.render.appearance import AppearanceFitter
from fields_core.render.interpolation import vertex_normals
from fields_core.render.lighting import estimate_lighting
from fields_core.render.overlay import OverlayMode, render_overlay
from fields_core.render.rasterizer import Rasterizer, choose_rasterizer
from fields_core.render.renderer import HeadRenderer, RenderedHead
from fields_core.render.texture import TextureProjector, project_texture
from fields_core.render.turntable import turntable_frames

__all__ = [
    "AppearanceFitter",
    "HeadRenderer",
    "OverlayMode",
    "Rasterizer",
    "RenderedHead",
    "TextureProjector",
    "choose_rasterizer",
    "estimate_lighting",
    "project_texture",
    "render_overlay",
    "turntable_frames",
    "vertex_normals",
]
