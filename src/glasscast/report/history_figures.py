"""Figures of trainings: loss and correlations, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from glasscast.report.illustration import Illustration, listed
from glasscast.report.style import (
    PALETTE,
    legend_below,
    new_figure,
    styled,
)
from glasscast.training.history import Epoch

#: What is followed: words, and what the columns of the history begin with.
_SETS = {"training": "", "validation": "validation_", "test": "test_"}
_LINES = ("-", "--", ":")
#: Correlations: words, column, marker.
_KINDS = (("particles", "pearson", "none"), ("pairs", "pair_pearson", "."))


@styled
def history_figure(history: Sequence[Epoch], label: str) -> Illustration:
    """Loss, and correlations of particles and pairs, against epoch, a line a set.

    Parameters
    ----------
    history : of one training; phases one after the other.
    label : of the model.

    References
    ----------
    Figure 3 of Shiba et al. (2023); S4, S6 and S7 of the letter before it.
    """
    figure = new_figure(7.6, 3.5)
    left, right = figure.subplots(1, 2)
    lines = []
    for k, (name, prefix) in enumerate(_SETS.items()):
        style = {"color": PALETTE[k], "ls": _LINES[k]}
        if _draw(left, history, f"{prefix}loss", style | {"label": name}):
            lines.append(f"{name} loss")
        for kind, column, mark in _KINDS:
            marked = style | {"marker": mark, "markevery": 0.1, "label": f"{name}, {kind}"}
            if _draw(right, history, f"{prefix}{column}", marked):
                lines.append(f"correlation of {kind} in {name}")
    left.set_yscale("log")
    left.set_ylabel("loss")
    right.set_ylabel("Pearson r")
    right.axhline(0, color="black", lw=0.5)
    right.set_ylim(top=1.0)
    for axes in (left, right):
        axes.set_xlabel("epoch")
    legend_below(figure, right)
    best = max((row.validation_pearson for row in history if _known(row)), default=math.nan)
    told = f" The best validation correlation of particles is {best:.2f}." if best == best else ""
    return Illustration(
        name="history",
        title=f"How it learned: {label}",
        caption="Left: the loss of each epoch. Right: correlations of forecast and measurement, of "
        "particles and of nearest A-A pairs. Those of training are of the steps on the way, with "
        "weights that still change. A test set, where there is one, decides nothing.",
        alternative=f"Two panels against epochs 1 to {len(history)}: "
        f"{listed(lines, most=9)}.{told}",
        figure=figure,
    )


def _known(row: Epoch) -> bool:
    return math.isfinite(row.validation_pearson)


def _draw(axes: Axes, history: Sequence[Epoch], column: str, style: dict[str, Any]) -> bool:
    """Draw one column where it is known; says whether it is anywhere."""
    points = [(number, getattr(row, column)) for number, row in enumerate(history, 1)]
    known = [(number, value) for number, value in points if math.isfinite(value)]
    if len(known) == 1:
        style = style | {"marker": "o"}
    if known:
        axes.plot([number for number, _ in known], [value for _, value in known], **style)
    return bool(known)
