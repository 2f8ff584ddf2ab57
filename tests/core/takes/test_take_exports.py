"""Exported clips, played back by programs and readers that did not write them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import trimesh
from pxr import Gf, Usd, UsdGeom, UsdSkel
from scipy.spatial.transform import Rotation
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkIOGeometry import vtkGLTFReader

from fields_core.datatypes import FaceCode
from fields_core.errors import ExportError
from fields_core.head import HeadModel
from fields_core.progress import Cancelled, CancelToken
from fields_core.streams.arkit import ARKIT_NAMES, LIVE_LINK_NAMES, ArkitMapper
from fields_core.takes.clip import Clip, make_clip
from fields_core.takes.curves import timecode
from fields_core.takes.edits import Marker, TakeEdits
from fields_core.takes.exports import CLIP_FORMATS, export_clip
from fields_core.takes.rig import four_joints, rig_of
from fields_core.takes.side_by_side import HeadStage, write_side_by_side
from fields_core.takes.take import load_take
from fields_core.takes.video_file import H264, MJPG, Codec, write_frames
from tests.core.export.readers import Glb as PlainGlb
from tests.takes import HEIGHT, WIDTH, record


class Glb(PlainGlb):
    """The plain reader, with what skins and animations need besides."""

    def accessor_of(self, index: int) -> np.ndarray:
        """(count, width), of any type but sparse ones."""
        accessor = self.json["accessors"][index]
        kind = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor["type"]]
        values = np.frombuffer(self.view(accessor["bufferView"]), kind).reshape(-1, width)
        assert len(values) == accessor["count"]
        return values


TENTH_MM = 1e-4  # metres; see the module rig for what is lost


@pytest.fixture(scope="module")
def clip(head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = record(tmp_path_factory.mktemp("take") / "a clip.take", head, pictures=True)
    return make_clip(load_take(path, head), TakeEdits((0.5, 1.5), markers=(Marker(1.0, "Lächeln, breit"),)), head)


def _posed(clip: Clip, head: HeadModel, row: int) -> np.ndarray:
    """What we show, with the joints where the neutral face has them, as the rig does."""
    return np.asarray(head(clip.code[row].to(torch.float64))[0])


def _skinned(rest: np.ndarray, joints: np.ndarray, weights: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Linear blend skinning with 4 x 4 matrices (..., column vectors)."""
    points = np.concatenate([rest, np.ones((len(rest), 1))], 1)
    moved = np.einsum("vjab,vb->vja", world[joints], points)
    return np.einsum("vj,vja->va", weights, moved)[:, :3]


class TestRig:
    def test_plays_as_the_head_model_does(self, clip: Clip, head: HeadModel) -> None:
        rig = rig_of(clip, head)
        joints, weights = four_joints(rig.skinning)
        for row in (0, 10, 30):
            rest = rig.targets.neutral + np.tensordot(rig.weights[row], rig.targets.displacements, 1)
            world = _world(rig.offsets, rig.rotations[row], rig.joints)
            assert np.abs(_skinned(rest, joints, weights, world) - _posed(clip, head, row)).max() < TENTH_MM

    def test_rotations_never_change_sign(self, clip: Clip, head: HeadModel) -> None:
        turns = rig_of(clip, head).rotations
        assert (np.sum(turns[1:] * turns[:-1], axis=-1) > 0).all()


def _world(offsets: np.ndarray, rotations: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """(5, 4, 4): from the resting mesh to the posed one."""
    world = []
    for joint, parent in enumerate((-1, 0, 1, 1, 1)):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = Rotation.from_quat(rotations[joint]).as_matrix(), offsets[joint]
        world.append(local if parent < 0 else world[parent] @ local)
    back = np.tile(np.eye(4), (5, 1, 1))
    back[:, :3, 3] = -joints
    return np.stack(world) @ back


@pytest.fixture(scope="module")
def path(clip: Clip, head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_clip(clip, head, tmp_path_factory.mktemp("glb"), ["glb"])[0]


class TestGlb:
    def test_a_plain_reader_plays_every_frame(self, path: Path, clip: Clip, head: HeadModel) -> None:
        glb = Glb(path)
        animation, nodes = glb.json["animations"][0], glb.json["nodes"]
        curves = {}
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            assert sampler["interpolation"] == "LINEAR"
            times = glb.accessor_of(sampler["input"])[:, 0]
            curves[channel["target"]["node"], channel["target"]["path"]] = glb.accessor_of(sampler["output"])
        np.testing.assert_allclose(times, clip.times, atol=1e-6)
        names = glb.mesh["extras"]["targetNames"]
        assert names[: head.n_expression] == list(head.expression_names)
        weights = curves[0, "weights"].reshape(len(clip), len(names))
        smile = weights[:, names.index("mouthSmileLeft")]
        column = head.expression_names.index("mouthSmileLeft")
        np.testing.assert_allclose(smile, clip.code.expression[:, column].numpy(), atol=1e-6)
        skin = glb.json["skins"][0]
        inverse = glb.accessor_of(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        attributes = glb.primitive["attributes"]
        joints, skinning = glb.accessor_of(attributes["JOINTS_0"]), glb.accessor_of(attributes["WEIGHTS_0"])
        np.testing.assert_allclose(skinning.sum(1), 1, atol=1e-6)
        rest = glb.accessor(attributes["POSITION"])
        moves = np.stack([glb.target(name) for name in names])
        for row in (0, 12, len(clip) - 1):
            world = {}

            def place(node: int, parent: np.ndarray, row: int = row, world: dict = world) -> None:
                local = np.eye(4)
                turn = curves[node, "rotation"][row]
                local[:3, :3], local[:3, 3] = Rotation.from_quat(turn).as_matrix(), nodes[node]["translation"]
                world[node] = parent @ local
                for child in nodes[node].get("children", []):
                    place(child, world[node])

            place(skin["skeleton"], np.eye(4))
            matrices = np.stack([world[joint] for joint in skin["joints"]]) @ inverse
            shown = _skinned(rest + np.tensordot(weights[row], moves, 1), joints.astype(int), skinning, matrices)
            wanted = _posed(clip, head, row)
            gaps = np.linalg.norm(shown[:, None] - wanted[None], axis=2)
            assert gaps.min(1).max() < TENTH_MM
            assert gaps.min(0).max() < TENTH_MM

    def test_names_joints_and_markers(self, path: Path) -> None:
        content = Glb(path).json
        assert [node["name"] for node in content["nodes"]] == ["head", "root", "neck", "jaw", "leftEye", "rightEye"]
        assert content["animations"][0]["extras"]["markers"] == [{"time": 0.5, "text": "Lächeln, breit"}]
        targets = {(c["target"]["node"], c["target"]["path"]) for c in content["animations"][0]["channels"]}
        assert targets == {(0, "weights"), *((node, "rotation") for node in range(1, 6))}

    def test_other_readers_open_it(self, path: Path, clip: Clip) -> None:
        scene = trimesh.load(path)
        assert "jaw" in scene.graph.nodes

    def test_vtk_plays_it(self, path: Path, clip: Clip, head: HeadModel) -> None:
        reader = vtkGLTFReader()
        reader.SetFileName(str(path))
        reader.SetFrameRate(30)
        reader.ApplyDeformationsToGeometryOn()
        reader.UpdateInformation()
        assert reader.GetAnimationName(0) == clip.name
        assert reader.GetAnimationDuration(0) == pytest.approx(clip.times[-1])
        reader.EnableAnimation(0)
        for row in (0, 12, 25):
            reader.UpdateTimeStep(clip.times[row])
            iterator = reader.GetOutput().NewIterator()
            iterator.InitTraversal()
            shown = vtk_to_numpy(iterator.GetCurrentDataObject().GetPoints().GetData())
            gaps = np.linalg.norm(shown[:, None] - _posed(clip, head, row)[None], axis=2)
            assert gaps.min(0).max() < TENTH_MM


@pytest.fixture
def stage(clip: Clip, head: HeadModel, tmp_path: Path) -> Usd.Stage:
    return Usd.Stage.Open(str(export_clip(clip, head, tmp_path, ["usd"])[0]))


class TestUsd:
    def test_openusd_plays_every_frame(self, stage: Usd.Stage, clip: Clip, head: HeadModel) -> None:
        rate = stage.GetTimeCodesPerSecond()
        assert rate == pytest.approx(clip.frames_per_second, rel=1e-6)
        root = UsdSkel.Root(stage.GetPrimAtPath("/Head"))
        mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/Head/Skin"))
        assert UsdSkel.BakeSkinning(root, Gf.Interval(stage.GetStartTimeCode(), stage.GetEndTimeCode()))
        for row in (0, 12, len(clip) - 1):
            points = np.array(mesh.GetPointsAttr().Get(clip.times[row] * rate))
            assert np.abs(points - _posed(clip, head, row)).max() < 2 * TENTH_MM  # normals and weights are rounded

    def test_names_what_moves(self, stage: Usd.Stage, head: HeadModel) -> None:
        animation = UsdSkel.Animation(stage.GetPrimAtPath("/Head/Skeleton/Animation"))
        assert list(animation.GetBlendShapesAttr().Get())[: head.n_expression] == list(head.expression_names)
        assert list(animation.GetJointsAttr().Get()) == [
            "root", "root/neck", "root/neck/jaw", "root/neck/leftEye", "root/neck/rightEye",
        ]  # fmt: skip
        assert animation.GetRotationsAttr().GetNumTimeSamples() == 31


class TestCurves:
    def test_csv_holds_every_frame_and_the_marker(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        (path,) = export_clip(clip, head, tmp_path, ["csv"])
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(clip)
        assert float(rows[7]["time"]) == pytest.approx(clip.times[7], abs=1e-6)
        column = head.expression_names.index("mouthSmileLeft")
        for row, values in enumerate(rows):
            assert float(values["mouthSmileLeft"]) == pytest.approx(float(clip.code.expression[row, column]), abs=1e-6)
            assert float(values["head_y"]) == pytest.approx(float(clip.code.head_pose[row, 1]), abs=1e-6)
        assert float(rows[0]["emotion_happy"]) == pytest.approx(0.65)
        assert [row for row, values in enumerate(rows) if values["marker"]] == [15]
        assert rows[15]["marker"] == "Lächeln, breit"

    def test_npz_gives_back_the_code(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        (path,) = export_clip(clip, head, tmp_path, ["npz"])
        with np.load(path, allow_pickle=False) as arrays:
            for name in ("shape", "expression", "head_pose", "camera", "lighting", "albedo"):
                np.testing.assert_array_equal(arrays[name], getattr(clip.code, name).numpy())
            np.testing.assert_array_equal(arrays["times"], clip.times)
            assert arrays["marker_texts"].tolist() == ["Lächeln, breit"]
            assert tuple(arrays["expression_names"]) == head.expression_names

    def test_json_names_curves_and_units(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        (path,) = export_clip(clip, head, tmp_path, ["json"])
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["units"]["head_pose"].startswith("radians")
        assert content["head_model"] == head.name
        assert set(head.expression_names) <= content["curves"].keys()
        assert all(len(curve) == len(clip) for curve in content["curves"].values())

    def test_live_link_csv_reads_by_name(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        (path,) = export_clip(clip, head, tmp_path, ["livelink"])
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        assert len(header) == 63
        assert header[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
        assert header[16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"]
        assert header[54:] == [name[0].upper() + name[1:] for name in LIVE_LINK_NAMES[52:]]
        frames = ArkitMapper(head)(clip.code)
        for name in ("jawOpen", "mouthSmileRight", "eyeLookDownLeft", "jawLeft"):
            read = [float(row[name[0].upper() + name[1:]]) for row in rows]
            np.testing.assert_allclose(read, frames.shapes[:, ARKIT_NAMES.index(name)], atol=1e-6)
        assert rows[15]["Timecode"] == "00:00:00:30.000"

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "00:00:00:00.000"),
            (1.5, "00:00:01:30.000"),
            (3661.25, "01:01:01:15.000"),
            (59.9999999, "00:01:00:00.000"),
        ],
    )
    def test_time_codes(self, seconds: float, text: str) -> None:
        assert timecode(seconds) == text


class TestVideo:
    def test_shows_the_picture_and_the_head(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        (path,) = export_clip(clip, head, tmp_path, ["video"])
        video = cv2.VideoCapture(str(path))
        assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(30, rel=1e-3)
        frames = []
        while (read := video.read())[0]:
            frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        video.release()
        assert len(frames) == len(clip)
        assert frames[0].shape == (HEIGHT, WIDTH + HEIGHT, 3)
        picture = clip.take.picture(int(clip.frames[0]))
        assert picture is not None
        assert np.abs(frames[0][:, :WIDTH].astype(int) - picture).mean() < 8
        drawn = HeadStage(clip, head, HEIGHT).draw(0)
        assert np.abs(frames[0][:, WIDTH:].astype(int) - drawn).mean() < 8
        assert (drawn.std(axis=2) > 5).mean() > 0.2, "no head to be seen"

    def test_falls_back_where_there_is_no_codec(self, tmp_path: Path) -> None:
        def frames() -> list[np.ndarray]:
            return [np.full((32, 48, 3), 10 * i, np.uint8) for i in range(5)]

        missing = Codec("none", "zzzz", ".mp4")
        path = write_frames(frames, tmp_path / "a.mp4", (48, 32), 30, (missing, MJPG))
        assert path.suffix == ".avi"
        assert [p.name for p in tmp_path.iterdir()] == ["a.avi"]
        with pytest.raises(ExportError, match="Cannot write"):
            write_frames(frames, tmp_path / "b.mp4", (48, 32), 30, (missing,))

    def test_h264_is_tried_first(self) -> None:
        from fields_core.takes.video_file import CODECS

        assert CODECS[0] is H264

    def test_cancelling_leaves_nothing_behind(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        token = CancelToken()
        with pytest.raises(Cancelled):
            write_side_by_side(clip, head, tmp_path / "a.mp4", lambda report: token.cancel(), token)
        assert list(tmp_path.iterdir()) == []

    def test_without_pictures_says_so(self, head: HeadModel, tmp_path: Path) -> None:
        bare = make_clip(load_take(record(tmp_path / "b.take", head, seconds=0.2)), TakeEdits(), head)
        with pytest.raises(ExportError, match="without video"):
            export_clip(bare, head, tmp_path, ["video"])


class TestDoor:
    def test_every_format_writes_a_file_of_its_own(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        short = make_clip(clip.take, TakeEdits((0.0, 0.1)), head)
        written = export_clip(short, head, tmp_path, list(CLIP_FORMATS), "a stem")
        assert len(set(written)) == len(written) >= len(CLIP_FORMATS)
        assert all(path.stat().st_size > 0 and path.name.startswith("a_stem") for path in written)

    @pytest.mark.parametrize(("formats", "stem"), [(["fbx"], ""), (["csv"], "a/b"), (["csv"], "..")])
    def test_wrong_wishes_are_refused(
        self, clip: Clip, head: HeadModel, tmp_path: Path, formats: list[str], stem: str
    ) -> None:
        with pytest.raises(ExportError):
            export_clip(clip, head, tmp_path, formats, stem)

    def test_a_single_frame_can_be_exported(self, clip: Clip, head: HeadModel, tmp_path: Path) -> None:
        one = make_clip(clip.take, TakeEdits((0.99, 1.01)), head)
        assert len(one) == 1
        assert isinstance(one.code, FaceCode)
        assert export_clip(one, head, tmp_path, ["glb", "usd", "csv", "video"])
