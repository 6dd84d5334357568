"""Figure of the score against the number of training configurations."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from glasscast.evaluation.score_table import ScoreTable
from glasscast.report.score_figures import METRIC_LABELS, error_bars
from glasscast.report.style import (
    GREY,
    escape_mathtext,
    legend_below,
    new_figure,
    row_height,
    series_style,
    styled,
)


@styled
def learning_curve_figure(curve: Mapping[int, ScoreTable], time: float) -> Figure:
    """Pearson correlation at one time, a panel a species, a line a model.

    Parameters
    ----------
    curve : number of training configurations -> scores of all models.
    time : shown, in LJ units.
    """
    sizes = sorted(curve)
    tables = {n: curve[n].select(metric="pearson_mean", time=time) for n in sizes}
    species = tables[sizes[-1]].values_of("species")
    models = tables[sizes[-1]].values_of("model")
    figure = new_figure(max(4.8, 3.6 * len(species) + 0.6), row_height(len(models) + 1))
    panels = figure.subplots(1, max(1, len(species)), sharey=True, squeeze=False)[0]
    for axes, letter in zip(panels, species, strict=False):
        for k, model in enumerate(models):
            points = [(n, tables[n].select(species=letter, model=model).rows) for n in sizes]
            known = [(n, rows[0]) for n, rows in points if rows]
            # Side by side by a few percent, so that error bars can be told apart.
            dodge = 1.02 ** (k - (len(models) - 1) / 2)
            axes.errorbar(
                [n * dodge for n, _ in known],
                [row.value for _, row in known],
                yerr=error_bars([row for _, row in known]),
                **series_style(k),
                elinewidth=1.0,
                label=escape_mathtext(model),
            )
        for best in tables[sizes[-1]].select(species=letter).ceilings().values():
            axes.axhline(best, color=GREY, ls="--", lw=1.2, label="noise ceiling", zorder=1)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("training configurations")
        axes.set_title(f"{letter} particles")
    values = [row.value for table in tables.values() for row in table]
    panels[0].set_ylim(min([0.0, *(v - 0.05 for v in values if v == v)]), 1.0)
    panels[0].set_ylabel(METRIC_LABELS["pearson_mean"])
    legend_below(figure, panels[0])
    return figure
