"""Run by torchrun in every process of a test: trains, then writes the process's own weights for comparison.

python -m torch.distributed.run ... tests/processes.py DATA OUT CONFIG [--resume] [--stop-at STEP]
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch

from fields_core.progress import Cancelled, CancelToken
from fields_core.training.config import load_config
from fields_core.training.events import StepDone, TrainingEvent
from fields_core.training.module import EncoderTraining
from fields_core.training.run import RunRequest, run


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--stop-at", type=int, help="cancel after so many steps, from the first process only")
    arguments = parser.parse_args()
    token = CancelToken()

    def report(event: TrainingEvent) -> None:
        if isinstance(event, StepDone) and event.step == arguments.stop_at:
            token.cancel()

    def save_weights(module: EncoderTraining) -> None:
        weights = {name: parameter.detach() for name, parameter in module.named_parameters()}
        torch.save(weights, arguments.out / f"rank-{os.environ['RANK']}.pt")

    EncoderTraining.on_train_end = save_weights  # type: ignore[method-assign]
    request = RunRequest(
        load_config(arguments.config),
        arguments.data,
        arguments.out,
        resume=arguments.resume,
        head=arguments.data / "egg.npz",
    )
    try:
        run(request, report, token)
    except Cancelled:
        (arguments.out / f"cancelled-{os.environ['RANK']}").touch()


if __name__ == "__main__":
    main()
