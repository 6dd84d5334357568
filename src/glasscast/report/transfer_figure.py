"""Figure of transfer: score at every state point of models trained at some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from glasscast.evaluation.score_table import ScoreTable
from glasscast.report.score_figures import METRIC_LABELS, correlation_limits, error_bars
from glasscast.report.style import (
    GREY,
    escape_mathtext,
    format_time,
    legend_below,
    new_figure,
    series_style,
    styled,
)


@dataclass(frozen=True)
class TransferAxes:
    """What was trained, on what, and tested where, in the order of the panels.

    Scores name their model ``model/training`` and have the state point as their dataset.
    """

    models: Sequence[str]
    trainings: Sequence[str]
    states: Sequence[str]


@styled
def transfer_figure(
    scores: ScoreTable, order: TransferAxes, species: str, metric: str = "pearson_mean"
) -> Figure:
    """Score against the state point tested, a column a training, a row a stage of relaxation.

    References
    ----------
    Figures 5 and 6 of the EIGNN paper.
    """
    scores = scores.select(metric=metric, species=species)
    stages = sorted(scores.values_of("time"))
    columns, rows = len(order.trainings), max(1, len(stages))
    width = max(1.5, 0.55 * len(order.states) + 0.6)
    figure = new_figure(max(4.8, width * columns + 0.8), 1.9 * rows + 0.9)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for line, stage in zip(panels, stages, strict=False):
        for axes, training in zip(line, order.trainings, strict=True):
            _draw(axes, scores.select(time=stage), order, training)
        line[0].set_ylabel(f"stage {format_time(stage)}")
    for axes, training in zip(panels[0], order.trainings, strict=True):
        axes.set_title(f"trained on {escape_mathtext(training)}")
    panels[0, 0].set_ylim(correlation_limits(scores))
    panels[0, 0].set_xlim(-0.4, len(order.states) - 0.6)
    figure.supylabel(METRIC_LABELS[metric], fontsize=9.5)
    figure.supxlabel("tested on", fontsize=9.5)
    legend_below(figure, panels[0, 0])
    return figure


def _draw(axes: Axes, scores: ScoreTable, order: TransferAxes, training: str) -> None:
    """Draw one panel: the ceiling of each state, then a line a model."""
    places = {state: k for k, state in enumerate(order.states)}
    best = scores.ceilings("dataset")
    if best:
        known = [state for state in order.states if state in best]
        axes.plot(
            [places[state] for state in known],
            [best[state] for state in known],
            color=GREY,
            ls="--",
            lw=1.2,
            marker="_",
            label="noise ceiling",
        )
    for k, model in enumerate(order.models):
        rows = [r for r in scores.select(model=f"{model}/{training}") if r.dataset in places]
        dodge = 0.04 * (k - (len(order.models) - 1) / 2)
        axes.errorbar(
            [places[r.dataset] + dodge for r in rows],
            [r.value for r in rows],
            yerr=error_bars(rows),
            **series_style(k),
            elinewidth=1.0,
            label=escape_mathtext(model),
        )
    axes.set_xticks(range(len(order.states)), [escape_mathtext(s) for s in order.states])
