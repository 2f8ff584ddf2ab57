"""A checkpoint in use: face crops to codes within milliseconds, on ONNX Runtime where it can, else on PyTorch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fields_core.datatypes import FaceCode, FaceCrop
from fields_core.encoder.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint
from fields_core.encoder.emotion_head import EmotionHead
from fields_core.encoder.onnx_graph import CONFIG_KEY, Regressor, example_inputs, input_names, is_for

GRAPH_LIMIT = 1 << 23  # bytes; a graph without weights has a tenth of that
TOLERANCE = 2e-3  # largest difference from PyTorch, relative to the largest output; rounding stays below 1e-5
MOST_THREADS = 2  # more gain nothing on networks of this size, and the window needs some time too


class EncoderRuntime:
    """Encodes face crops with the weights of one checkpoint.

    Args:
        checkpoint: its encoder is copied, not changed.
        graph: what `fields_core.encoder.onnx_graph.export_onnx` wrote for such an encoder; None for PyTorch.

    Attributes:
        info: what the checkpoint says of itself.
        emotion: the emotion branch trained with the encoder; None without one.
        backend: what computes.
        fallback_reason: why that is not ONNX Runtime; empty if it is.
    """

    info: CheckpointInfo
    emotion: EmotionHead | None
    backend: Literal["onnxruntime", "torch"]
    fallback_reason: str

    def __init__(self, checkpoint: Checkpoint, graph: Path | None = None) -> None:
        self.info = checkpoint.info
        self.emotion = checkpoint.emotion
        self._encoder = checkpoint.encoder
        self._regressor = Regressor(checkpoint.encoder).eval()
        self._session: Any = None
        self.backend, self.fallback_reason = "torch", "no graph was given"
        if graph is not None:
            try:
                self._session = _session(graph, self._regressor, checkpoint.info)
                self.backend, self.fallback_reason = "onnxruntime", ""
            except _UnusableGraphError as error:
                self.fallback_reason = str(error)

    def __call__(self, crops: Sequence[FaceCrop]) -> FaceCode:
        """The codes of one or more faces, in order; see `encode`."""
        pixels = np.stack([crop.image for crop in crops])
        landmarks = torch.from_numpy(np.stack([crop.landmarks for crop in crops]))
        return self.encode(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0, landmarks)

    @torch.no_grad()
    def encode(self, images: Tensor, landmarks: Tensor | None = None) -> FaceCode:
        """Encode face crops.

        Args:
            images: (B, 3, 224, 224) RGB in [0, 1].
            landmarks: (B, 478, 2) image frame; only encoders of the rectified layout look at them.

        Returns:
            as `FaceEncoder.forward`: no neck pose, lighting and albedo. It cannot be differentiated.
        """
        if self._session is None:
            return self._encoder.decode(self._regressor(images, landmarks))
        given = zip(input_names(self.info.encoder), (images, landmarks), strict=False)
        arrays = {name: np.ascontiguousarray(value.numpy()) for name, value in given if value is not None}
        outputs = self._session.run(None, arrays)
        return self._encoder.decode([torch.from_numpy(output) for output in outputs])


def load_runtime(path: Path) -> EncoderRuntime:
    """The runtime of a checkpoint file, with the graph beside it (same name, ``.onnx``) if there is one.

    Raises:
        ModelFileError: see `load_checkpoint`.
    """
    graph = path.with_suffix(".onnx")
    return EncoderRuntime(load_checkpoint(path), graph if graph.is_file() else None)


class _UnusableGraphError(Exception):
    """Why a graph cannot be used: PyTorch takes over, and says so."""


@dataclass(frozen=True, eq=False)
class _Runtime:
    """The parts of ONNX Runtime that are needed, and its own kinds of error."""

    module: Any
    errors: tuple[type[Exception], ...]


def _onnx_runtime() -> _Runtime:
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError as error:
        raise _UnusableGraphError(f"ONNX Runtime is not installed: {error}") from error
    kinds = tuple(kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception))
    return _Runtime(onnxruntime, (*kinds, RuntimeError, ValueError))


def _session(graph: Path, regressor: Regressor, info: CheckpointInfo) -> Any:
    """A session with the checkpoint's weights that has been seen to agree with PyTorch."""
    runtime = _onnx_runtime()
    try:
        if graph.stat().st_size > GRAPH_LIMIT:
            raise _UnusableGraphError(f"{graph} is larger than {GRAPH_LIMIT >> 20} MiB")
        content = graph.read_bytes()
    except OSError as error:
        raise _UnusableGraphError(f"{graph} cannot be read: {error.strerror}") from error
    weights = {name: tensor.numpy() for name, tensor in regressor.state_dict().items()}
    options = runtime.module.SessionOptions()
    options.intra_op_num_threads = min(MOST_THREADS, os.cpu_count() or 1)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # between faces it would burn a core
    options.log_severity_level = 4  # what is wrong is in the exception
    values = [runtime.module.OrtValue.ortvalue_from_numpy(weight) for weight in weights.values()]
    options.add_external_initializers(list(weights), values)
    try:
        session = runtime.module.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        if not is_for(session.get_modelmeta().custom_metadata_map.get(CONFIG_KEY, "null"), info.encoder):
            raise _UnusableGraphError(f"{graph} was made for another encoder")
        examples = example_inputs(1, info.encoder)
        named = zip(input_names(info.encoder), examples, strict=True)
        answers = session.run(None, {name: example.numpy() for name, example in named})
    except runtime.errors as error:
        raise _UnusableGraphError(f"{graph} cannot be used: {error}") from error
    with torch.no_grad():
        expected = [output.numpy() for output in regressor(*examples)]
    same = [answer.shape for answer in answers] == [output.shape for output in expected]
    if not same or any(
        not np.allclose(answer, output, rtol=0.0, atol=TOLERANCE * max(1.0, float(np.abs(output).max())))
        for answer, output in zip(answers, expected, strict=True)
    ):
        raise _UnusableGraphError(f"{graph} does not answer as its checkpoint does")
    return session
