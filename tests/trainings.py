"""A training that only pretends, as a process: `python tests/trainings.py CONFIG|--resume --data D --out RUN`.

What it does is in the file ``behaviour`` of the data folder: "steady" (a step every few milliseconds until told to
stop, 4000 at most), "crash", "full" (no room left), "short" (done after a few steps).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from fields_core.files import replacing
from fields_core.progress import CancelToken
from fields_core.training.config import load_config
from fields_core.training.journal import Journal, Note
from fields_core.training.run_process import claimed, obeying

PROGRAM = (sys.executable, "-m", "tests.trainings")
STEPS = 4000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config", nargs="?")
    parser.add_argument("--data", required=True, type=Path, action="append")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    out, data = arguments.out, arguments.data[0]
    pause, enough = CancelToken(), CancelToken()
    with claimed(out), obeying(out, pause, enough):
        if arguments.config:
            load_config(Path(arguments.config))
        (out / "config.json").write_text("{}")
        (out / "request.json").write_text(json.dumps({"data": [str(folder) for folder in arguments.data]}))
        journal = Journal(out)
        journal.write(Note("began"))
        last = out / "last"
        first = int(last.read_text()) if arguments.resume and last.exists() else 0
        journal.write(Note("stage", stage="a", step=first, steps=STEPS))
        for step in range(first + 1, STEPS + 1):
            time.sleep(0.01)
            behaviour = (data / "behaviour").read_text()
            losses = {"total": 2.0 / step, "landmarks": 1.0 / step, "emotion": float("nan")}
            gauges = {"images_per_second": 100.0, "learning_rate": 1e-3 / step, "memory": 1e9}
            journal.write(Note("step", stage="a", step=step, steps=STEPS, values=losses, gauges=gauges))
            with replacing(last) as temporary:  # it may be killed here
                temporary.write_text(str(step))
            if step % 5 == 0:
                metrics = {"loss": 1.0 / step, "accuracy": 0.5, "intensity_ratio": 0.9}
                journal.write(Note("validated", stage="a", step=step, values=metrics, best=True))
            if behaviour == "crash" and step == 3:
                raise RuntimeError("the encoder fell over")
            if behaviour == "full" and step == 3:
                (out / "events.jsonl").unlink()
                (out / "events.jsonl").symlink_to("/dev/full")
            if pause.cancelled:
                journal.write(Note("interrupted"))
                sys.exit(130)
            if enough.cancelled or (behaviour == "short" and step == 10):
                break
        (out / "encoder.safetensors").write_bytes(b"weights")
        journal.write(Note("finished"))


if __name__ == "__main__":
    main()
