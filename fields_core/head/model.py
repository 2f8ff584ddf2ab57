"""The head model: from a FaceCode to vertices, landmarks and albedo."""

from __future__ import annotations

import difflib
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fields_core.datatypes import FaceCode, HeadMesh
from fields_core.errors import ModelFileError
from fields_core.head.model_file import PARENTS, HeadModelFile
from fields_core.head.skinning import blend, joint_transforms, pose_feature, rodrigues, skin

_NEUTRAL_SCALE = 5.0  # a head 0.25 m high fills 62 % of the crop
_COARSE_ALBEDO = 256  # texels; averaged once to this size, which is what fits and previews ask for
_AMBIENT = math.sqrt(4.0 * math.pi)  # the coefficient of Y00 = 1 / sqrt(4 pi) that lights every side with 1


class HeadModel(nn.Module):
    """A head model in FLAME's layout (Li et al. 2017): V vertices, F faces, L landmarks.

    It has no trainable parameters, and its arrays stay out of `state_dict`: a checkpoint names its head model instead.
    `to` and `double` work as on any module; a code of another precision than the module's is computed in the code's.

    Landmarks are MediaPipe's: row i of `landmarks` is number ``landmark_ids[i]`` of MediaPipe's 478. The open head has
    all of them in order; FLAME has the 105 of its MediaPipe embedding (or the 68 of its static one), so whoever
    compares with a detector's 478 takes ``detected[:, head.landmark_ids]``. `landmark_weights`, `landmarks_105` and
    `landmarks_68` go by rows of `landmarks`.

    Attributes:
        name: code files name the head model they belong to by this.
        licence: of the arrays.
        expression_names: E names of the expression coefficients.
        region_names: what `region` knows.
        n_shape, n_expression, n_albedo: numbers of coefficients.
        jaw_open_radians: the jaw rotation about x that is ARKit's jawOpen = 1.
        expression_bounds: (E, 2) least and greatest sensible coefficient.
        faces: (F, 3) long, counter-clockwise from outside.
        uv, uv_faces: (T, 2), v up, and (F, 3) long; T = 0 and (0, 3) without texture coordinates.
        landmark_ids: (L,) long, see above.
        landmark_weights: (L,) trust in [0, 1] for fitting.
        landmarks_105, landmarks_68: long, rows of `landmarks`; empty if the model lacks them.
        template: (V, 3) metres, the mean head at rest.
        directions: (S + E + 2, 3 V) metres: shape, expression, left and right eyelid, as `skinning.blend` wants them.
        joint_template, joint_directions: (5, 3) and (S + E, 15) metres: the same for the joints; eyelids move none.
        pose_columns, pose_directions: (K,) long and (K, 3 V) metres: which of the 36 pose features have correctives.
        skinning_weights: (V, 5).
        landmark_corners, landmark_barycentrics: (L, 3) long vertices and (L, 3) weights of each landmark.
    """

    expression_bounds: Tensor
    faces: Tensor
    uv: Tensor
    uv_faces: Tensor
    landmark_ids: Tensor
    landmark_weights: Tensor
    landmarks_105: Tensor
    landmarks_68: Tensor
    template: Tensor
    directions: Tensor
    joint_template: Tensor
    joint_directions: Tensor
    pose_columns: Tensor
    pose_directions: Tensor
    skinning_weights: Tensor
    landmark_corners: Tensor
    landmark_barycentrics: Tensor
    _region_masks: Tensor
    _albedo_mean: Tensor
    _albedo_coarse: Tensor
    _albedo_directions: Tensor

    def __init__(self, file: HeadModelFile) -> None:
        super().__init__()
        self.name = file.name
        self.licence = file.licence
        self.expression_names = file.expression_names
        self.region_names = file.region_names
        self.jaw_open_radians = file.jaw_open_radians
        self.n_shape = file.shapedirs.shape[2]
        self.n_expression = file.expression_dirs.shape[2]
        self.n_albedo = len(file.albedo_scales)
        self._keep("expression_bounds", file.expression_bounds)
        self._keep("faces", file.f.astype(np.int64))
        self._keep("uv", file.vt)
        self._keep("uv_faces", file.ft.astype(np.int64))
        self._keep_geometry(file)
        self._keep("landmark_ids", file.landmark_ids.astype(np.int64))
        self._keep("landmark_weights", file.landmark_weights)
        self._keep("landmarks_105", file.landmarks_105.astype(np.int64))
        self._keep("landmarks_68", file.landmarks_68.astype(np.int64))
        self._keep("landmark_corners", file.f[file.landmark_faces].astype(np.int64))
        self._keep("landmark_barycentrics", file.landmark_barycentrics)
        self._keep("_region_masks", file.region_masks)
        self._keep("_albedo_mean", np.moveaxis(file.albedo_mean, -1, 0)[None])
        coarse = min(len(file.albedo_mean), _COARSE_ALBEDO)
        self.register_buffer("_albedo_coarse", _resized(self._albedo_mean / 255.0, coarse), persistent=False)
        scales = file.albedo_scales[:, None, None, None] / 127.0
        directions = np.ascontiguousarray(np.moveaxis(file.albedo_dirs, -1, 1)) * scales.astype(np.float32)
        self._keep("_albedo_directions", directions)
        self._known_topology: tuple[tuple[Tensor, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] | None = None

    def _keep(self, name: str, array: np.ndarray) -> None:
        self.register_buffer(name, torch.tensor(array), persistent=False)

    def _keep_geometry(self, file: HeadModelFile) -> None:
        """Rearrange the blendshapes so that one matrix product shapes the head and one finds its joints."""
        units = [file.shapedirs, file.expression_dirs]
        eyelids = [file.l_eyelid[..., None], file.r_eyelid[..., None]]
        regressor = file.J_regressor.astype(np.float64)
        joints = [np.einsum("jv,vkc->cjk", regressor, unit).reshape(unit.shape[2], -1) for unit in units]
        self._keep("template", file.v_template)
        self._keep("directions", np.concatenate([_as_rows(unit) for unit in units + eyelids]))
        self._keep("joint_template", (regressor @ file.v_template).astype(np.float32))
        self._keep("joint_directions", np.concatenate(joints).astype(np.float32))
        self._keep("pose_columns", file.posedirs_columns.astype(np.int64))
        self._keep("pose_directions", _as_rows(file.posedirs))
        self._keep("skinning_weights", file.weights)

    @property
    def has_landmarks(self) -> bool:
        """Whether landmarks can be compared with a detector's."""
        return len(self.landmark_ids) > 0

    @property
    def n_vertices(self) -> int:
        """V."""
        return int(self.template.shape[0])

    def region(self, name: str) -> Tensor:
        """The vertices of a region of the head: face, lips, eyes, brows, nose, ears, neck, scalp, ...

        Returns:
            (V,) bool.

        Raises:
            ModelFileError: this head model does not name that region.
        """
        if name not in self.region_names:
            raise ModelFileError(
                f"The head model {self.name} has no region named {name}",
                expected=", ".join(self.region_names) or "none: it names no regions",
                found=name,
                remedy=_did_you_mean(name, self.region_names) or "Use the open head.",
            )
        return self._region_masks[self.region_names.index(name)]

    def neutral_code(self, batch: int = 1) -> FaceCode:
        """Mean shape, no expression, head upright in the middle of the crop, lit from all sides alike.

        Returns:
            FaceCode of ``batch`` equal faces, in the module's precision and on its device.
        """
        zeros = self.template.new_zeros
        camera = self.template.new_tensor([_NEUTRAL_SCALE, 0.0, 0.0])
        lighting = zeros(batch, 9, 3)
        lighting[:, 0] = _AMBIENT
        return FaceCode(
            shape=zeros(batch, self.n_shape),
            expression=zeros(batch, self.n_expression),
            head_pose=zeros(batch, 3),
            neck_pose=zeros(batch, 3),
            jaw_pose=zeros(batch, 3),
            eye_pose=zeros(batch, 6),
            eyelids=zeros(batch, 2),
            camera=camera.repeat(batch, 1),
            lighting=lighting,
            albedo=zeros(batch, self.n_albedo),
        )

    def forward(self, code: FaceCode) -> Tensor:
        """Pose the heads of a code.

        SMIRK (Retsinas et al. 2024) adds its eyelids after skinning, in the model frame; there a blink moves straight
        down even on a head that lies on its side. Here they are blendshapes like the others, in the rest pose: the
        same for an upright head, and right for every other.

        Args:
            code: B faces; camera, lighting and albedo play no part.

        Returns:
            (B, V, 3) metres, model frame, in the code's precision.
        """
        dtype = code.expression.dtype
        units = torch.cat([code.shape, code.expression], 1)
        shaped = blend(self.template.to(dtype), self.directions.to(dtype), torch.cat([units, code.eyelids], 1))
        joints = blend(self.joint_template.to(dtype), self.joint_directions.to(dtype), units)
        pose = torch.cat([code.head_pose, code.neck_pose, code.jaw_pose, code.eye_pose], 1)
        rotations = rodrigues(pose.view(len(pose), len(PARENTS), 3))
        correctives = pose_feature(rotations)[:, self.pose_columns] @ self.pose_directions.to(dtype)
        posed = shaped + correctives.view_as(shaped)
        return skin(posed, self.skinning_weights.to(dtype), *joint_transforms(rotations, joints, PARENTS))

    def landmarks(self, vertices: Tensor) -> Tensor:
        """The landmarks of posed heads; see the class for which ones.

        Args:
            vertices: (B, V, 3) in any frame.

        Returns:
            (B, L, 3) in the same frame.
        """
        corners = vertices[:, self.landmark_corners]  # (B, L, 3, 3)
        return (corners * self.landmark_barycentrics.to(vertices.dtype)[..., None]).sum(-2)

    def albedo(self, coefficients: Tensor, size: int = 256) -> Tensor:
        """Skin colour without light, in the layout of `uv`.

        Args:
            coefficients: (B, A) standard deviations.
            size: side of the result in texels.

        Returns:
            (B, 3, size, size) sRGB in [0, 1], first row at v = 1, in the coefficients' precision.
        """
        dtype = coefficients.dtype
        small = size <= self._albedo_coarse.shape[-1]
        mean = _resized(self._albedo_coarse.to(dtype) if small else self._albedo_mean.to(dtype) / 255.0, size)
        if self.n_albedo == 0:
            return mean.expand(len(coefficients), -1, -1, -1)
        directions = self._albedo_directions.to(dtype)
        change = (coefficients @ directions.flatten(1)).view(-1, *directions.shape[1:])
        return (mean + _resized(change, size)).clamp(0.0, 1.0)

    @torch.no_grad()
    def mesh(self, code: FaceCode) -> HeadMesh:
        """One posed head as numpy arrays, for viewers and exporters.

        Args:
            code: of one face.

        Returns:
            HeadMesh; its landmarks are (L, 3), see the class.
        """
        vertices = self(code)
        if len(vertices) != 1:
            raise ValueError(f"expected the code of one face, found {len(vertices)}")
        faces, uv, uv_faces = self._topology()
        return HeadMesh(
            vertices=vertices[0].cpu().numpy().astype(np.float32),
            faces=faces,
            uv=uv,
            uv_faces=uv_faces,
            landmarks=self.landmarks(vertices)[0].cpu().numpy().astype(np.float32),
        )

    def _topology(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Faces, texture coordinates and their faces: the same arrays for every mesh, so that viewers know them again.

        Kept as long as the buffers are the same: a restricted copy has others.
        """
        buffers, known = (self.faces, self.uv, self.uv_faces), self._known_topology
        if known is None or any(kept is not now for kept, now in zip(known[0], buffers, strict=True)):
            arrays = (
                self.faces.cpu().numpy().astype(np.int32),
                self.uv.cpu().numpy().astype(np.float32),
                self.uv_faces.cpu().numpy().astype(np.int32),
            )
            known = self._known_topology = (buffers, arrays)
        return known[1]


def _as_rows(directions: np.ndarray) -> np.ndarray:
    """(V, 3, C) -> (C, 3 V), contiguous, as `blend` wants it."""
    return np.ascontiguousarray(np.moveaxis(directions, -1, 0).reshape(directions.shape[-1], -1))


def _resized(images: Tensor, size: int) -> Tensor:
    """(B, 3, H, W) -> (B, 3, size, size): averaged when smaller, bilinear when larger."""
    if images.shape[-1] == size and images.shape[-2] == size:
        return images
    if images.shape[-1] > size:
        return functional.interpolate(images, (size, size), mode="area")
    return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False)


def _did_you_mean(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {close[0]}?" if close else ""
