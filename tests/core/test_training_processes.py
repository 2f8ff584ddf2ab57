"""Several processes train one encoder: `torchrun` on this machine, two processes, gloo on the loopback interface."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fields_core.encoder.checkpoint import load_checkpoint
from fields_core.progress import CancelToken
from fields_core.training.config import EncoderChoice, StageConfig, save_config
from fields_core.training.run import RunRequest, run
from tests import processes
from tests.heads import tiny_head_file
from tests.training_data import TINY, write_data

pytestmark = [
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this torch has no torch.distributed"),
    pytest.mark.filterwarnings("ignore:.isinstance.treespec, LeafSpec.:FutureWarning"),
]
ROOT = Path(__file__).parents[2]
CONFIG = dataclasses.replace(
    TINY,
    encoder=EncoderChoice(layout="shared", expression_backbone="mobilenetv3_small_050"),
    batch_size=8,
    pretrain=StageConfig(4, learning_rate=1e-3, warmup=1),
    a=StageConfig(),
    b=StageConfig(),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_data(tmp_path_factory.mktemp("data"))
    tiny_head_file(folder / "egg.npz")
    save_config(folder / "config.json", CONFIG)
    return folder


def torchrun(data: Path, out: Path, *options: str) -> None:
    out.mkdir(exist_ok=True)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1"]
    command += ["--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1", processes.__file__]
    done = subprocess.run(
        [*command, str(data), str(out), str(data / "config.json"), *options],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def run_here(data: Path, out: Path, *, resume: bool = False) -> None:
    request = RunRequest(CONFIG, data, out, resume=resume, head=data / "egg.npz")
    run(request, lambda event: None, CancelToken())


@pytest.fixture(scope="module")
def together(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes that nothing interrupted."""
    out = tmp_path_factory.mktemp("together")
    torchrun(data, out)
    return out


@pytest.fixture(scope="module")
def alone(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with one process."""
    out = tmp_path_factory.mktemp("alone")
    run_here(data, out)
    return out


def steps(out: Path) -> list[tuple[int, float]]:
    with (out / "pretrain" / "training.csv").open() as file:
        return [(int(row["step"]), float(row["total"])) for row in csv.DictReader(file)]


def weights(out: Path) -> dict[str, torch.Tensor]:
    encoder = load_checkpoint(out / "encoder.safetensors").encoder
    return {name: parameter.detach() for name, parameter in encoder.named_parameters()}


def start() -> dict[str, torch.Tensor]:
    from fields_core.training.stages import starting_networks
    from tests.training_data import egg

    networks = starting_networks(CONFIG, "pretrain", egg(), None)
    return {name: parameter.detach() for name, parameter in networks.encoder.named_parameters()}


def update(out: Path) -> torch.Tensor:
    """What training did to all weights, in a row."""
    trained = weights(out)
    return torch.cat([(trained[name] - before).flatten() for name, before in start().items()])


def cosine(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def test_both_processes_end_with_the_same_weights_and_these_have_learned(together: Path) -> None:
    ranks = [torch.load(together / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert ranks[0].keys() == ranks[1].keys()
    assert all(torch.equal(ranks[0][name], ranks[1][name]) for name in ranks[0])
    learned = torch.cat([(ranks[0][f"encoder.{name}"] - before).flatten() for name, before in start().items()])
    assert learned.norm() > 0.1
    assert update(together).norm() > 0.01  # the exported average


def test_two_processes_do_the_work_of_one(together: Path, alone: Path) -> None:
    # The same batches in the same order; only the batch statistics are those of half a batch each.
    assert [step for step, _ in steps(together)] == [step for step, _ in steps(alone)] == [1, 2, 3, 4]
    assert steps(together)[0][1] == pytest.approx(steps(alone)[0][1], rel=0.1)
    assert cosine(update(together), update(alone)) > 0.2


def test_a_stopped_run_of_two_goes_on_exactly_with_two_and_with_the_same_batches_with_one(
    data: Path, together: Path, tmp_path: Path
) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    torchrun(data, two, "--stop-at=2")
    assert all((two / f"cancelled-{rank}").exists() for rank in (0, 1))
    assert steps(two) == steps(together)[:2]
    shutil.copytree(two, one)
    torchrun(data, two, "--resume")
    assert steps(two) == steps(together)
    assert all(torch.equal(weights(two)[name], weight) for name, weight in weights(together).items())
    run_here(data, one, resume=True)
    assert steps(one)[:2] == steps(together)[:2]
    assert [step for step, _ in steps(one)] == [1, 2, 3, 4]
    assert steps(one)[2][1] == pytest.approx(steps(together)[2][1], rel=0.1)
    assert cosine(update(one), update(together)) > 0.6
