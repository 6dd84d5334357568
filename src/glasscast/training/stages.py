"""Training in stages: one run of the loop after the other, each with its loss and settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glasscast.training.objectives import Objective
from glasscast.training.settings import TrainingSettings


@dataclass(frozen=True)
class Stage:
    """One run of the training loop; most models have a single one.

    Parameters
    ----------
    objective : the loss.
    settings : of training.
    """

    objective: Objective
    settings: TrainingSettings


def stage_paths(checkpoint: Path | None, stages: Sequence[Stage]) -> list[Path | None]:
    """Checkpoint of each stage: the one given when there is but one.

    All stay until the last stage is over: a fit that is taken up passes through the finished
    ones again, which costs nothing, and so comes by their weights and curves.
    """
    if checkpoint is None or len(stages) == 1:
        return [checkpoint for _ in stages]
    return [
        checkpoint.with_name(f"{checkpoint.stem}-stage{k + 1}{checkpoint.suffix}")
        for k in range(len(stages))
    ]


def stage_identity(number: int, stages: Sequence[Stage]) -> dict[str, Any]:
    """Tell the checkpoint of a stage from those of the others."""
    return {} if len(stages) == 1 else {"stage": number + 1}
