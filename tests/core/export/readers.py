"""Readers of exported files that did not write them."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy


class Glb:
    """A plain reader of the few things of glTF 2.0 a head needs, written from the specification."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        self.json = json.loads(data[20 : 20 + size])
        binary_size, kind = struct.unpack_from("<I4s", data, 20 + size)
        assert kind == b"BIN\0"
        self.binary = data[28 + size : 28 + size + binary_size]
        assert len(self.binary) >= self.json["buffers"][0]["byteLength"]
        self.mesh = self.json["meshes"][0]
        self.primitive = self.mesh["primitives"][0]

    def view(self, index: int) -> bytes:
        view = self.json["bufferViews"][index]
        assert view.get("byteOffset", 0) % 4 == 0
        return self.binary[view.get("byteOffset", 0) :][: view["byteLength"]]

    def accessor(self, index: int) -> np.ndarray:
        accessor = self.json["accessors"][index]
        types = {5123: "<u2", 5125: "<u4", 5126: "<f4"}
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[accessor["type"]]
        values = np.frombuffer(self.view(accessor["bufferView"]), types[accessor["componentType"]])
        values = values.reshape(-1, width).copy()
        assert len(values) == accessor["count"]
        if sparse := accessor.get("sparse"):
            indices = np.frombuffer(
                self.view(sparse["indices"]["bufferView"]), types[sparse["indices"]["componentType"]]
            )
            assert len(indices) == sparse["count"] > 0
            assert (np.diff(indices.astype(int)) > 0).all()
            assert indices.max() < len(values)
            values[indices] = np.frombuffer(self.view(sparse["values"]["bufferView"]), "<f4").reshape(-1, width)
        if "min" in accessor:
            np.testing.assert_array_equal(values.min(0), np.float32(accessor["min"]))
            np.testing.assert_array_equal(values.max(0), np.float32(accessor["max"]))
        return values

    def target(self, name: str) -> np.ndarray:
        targets = self.primitive["targets"]
        return self.accessor(targets[self.mesh["extras"]["targetNames"].index(name)]["POSITION"])


def vtk_points(reader: object) -> np.ndarray:
    reader.Update()
    output = reader.GetOutput()
    if hasattr(output, "NewIterator"):
        iterator = output.NewIterator()
        iterator.InitTraversal()
        output = iterator.GetCurrentDataObject()
    return vtk_to_numpy(output.GetPoints().GetData()).astype(np.float64)


def distance_to_nearest(points: np.ndarray, others: np.ndarray) -> float:
    return float(np.linalg.norm(points[:, None] - others[None], axis=2).min(1).max())
