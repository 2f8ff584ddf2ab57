"""`make bench`: one row a measurement. Each `bench_*.py` beside this file is a topic; its `measure()` gives the rows.

python -m tests.benchmarks.bench             everything
python -m tests.benchmarks.bench rasterizer  one topic
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import tests.benchmarks
from fields_core.threads import prefer_one_thread


@dataclass(frozen=True)
class Row:
    """One measurement."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    """What it is compared with, in the same unit; None where there is nothing to compare with."""
    higher_is_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> str:
        """How many times better than the baseline."""
        if self.baseline is None:
            return "-"
        better = self.value / self.baseline if self.higher_is_better else self.baseline / self.value
        return f"{better:.1f} x"

    def __str__(self) -> str:
        baseline = "-" if self.baseline is None else f"{self.baseline:.3f}"
        return (
            f"{self.name:<58} {self.value:>10.3f} {self.unit:<9} {baseline:>10} {self.ratio:>11}  {self.note}".rstrip()
        )


HEADER = f"{'name':<58} {'value':>10} {'unit':<9} {'baseline':>10} {'ratio':>11}  note"


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median time of one call, after one call to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def topics() -> list[str]:
    """The names of the `bench_*` modules, without the prefix."""
    names = [module.name for module in pkgutil.iter_modules(tests.benchmarks.__path__)]
    return sorted(name.removeprefix("bench_") for name in names if name.startswith("bench_"))


def main(chosen: list[str]) -> int:
    unknown = sorted(set(chosen) - set(topics()))
    if unknown:
        sys.stderr.write(f"No benchmark named {', '.join(unknown)}; there are {', '.join(topics())}\n")
        return 2
    prefer_one_thread()  # as the app and the command line do
    sys.stdout.write(HEADER + "\n")
    for topic in chosen or topics():
        module = importlib.import_module(f"tests.benchmarks.bench_{topic}")
        for row in module.measure():
            sys.stdout.write(f"{row}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
