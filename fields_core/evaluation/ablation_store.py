"""What is known of an ablation: the table its command wrote, or what lies in the folder of its runs."""

from __future__ import annotations

import re
from pathlib import Path

from fields_core.errors import SettingsError
from fields_core.evaluation.result_file import read_result
from fields_core.evaluation.results import Fact, Result

TABLE_FILE = "ablation.csv"
_RUN = re.compile(r"(.+)-seed(\d+)")


def read_ablation(path: Path) -> Result:
    """The tables of an ablation, finished or not.

    Args:
        path: a CSV file of ``fields evaluate ablation``, or the folder of its runs.

    Raises:
        SettingsError: nothing of it was measured yet, or it is something else.
    """
    if not path.is_dir():
        return read_result(path)
    if (path / TABLE_FILE).exists():
        return read_result(path / TABLE_FILE)
    return _collected(path)


def _collected(folder: Path) -> Result:
    """From the scores beside the checkpoints; the table of an interrupted command may be gone or not be there yet."""
    from fields_core.evaluation.ablation import VARIANTS
    from fields_core.evaluation.ablation_report import ablation_tables
    from fields_core.evaluation.ablation_scores import START_SCORES_FILE, ScoredRun, Scores
    from fields_core.evaluation.score_memory import SCORES_FILE, read_scores

    variants = {variant.name: variant for variant in VARIANTS}
    runs = []
    try:
        start = Scores(**read_scores(folder / START_SCORES_FILE)[1])
        for path in sorted(folder.glob(f"*/{SCORES_FILE}")):
            found = _RUN.fullmatch(path.parent.name)
            if found and found[1] in variants:
                runs.append(ScoredRun(variants[found[1]], int(found[2]), Scores(**read_scores(path)[1])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{folder} holds no ablation that was measured",
            expected=f"{TABLE_FILE}, or runs with {SCORES_FILE}",
            found=str(error),
            remedy="Run fields evaluate ablation --runs with this folder.",
        ) from error
    if not runs:
        raise SettingsError(f"No run in {folder} was measured yet", remedy="Let fields evaluate ablation go on.")
    return Result("Ablation", ablation_tables(start, runs), (Fact("runs", str(folder)),))
