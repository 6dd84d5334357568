"""Figure of the susceptibility against time, of the models and of the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from glasscast.evaluation.susceptibility import SusceptibilityScore
from glasscast.report.style import (
    GREY,
    TIME_LABEL,
    escape_mathtext,
    finish_log_axis,
    legend_below,
    new_figure,
    row_height,
    series_style,
    styled,
)

_DECADES = 1e-4  # shown below the peak; further down a few particles decide


@styled
def susceptibility_figure(scores: Sequence[SusceptibilityScore]) -> Figure:
    """Susceptibility against time, a panel a species, a line a model, the truth dashed.

    Both axes are logarithmic, so a value of zero leaves a gap.

    Parameters
    ----------
    scores : of any number of models on the same configurations; positive times, and a positive
        value in each.

    References
    ----------
    The figure of GlassBench: Jung et al., Nat. Rev. Phys. (2025), arXiv:2311.14752.
    """
    species = sorted({row.species for row in scores})
    models = list(dict.fromkeys(row.model for row in scores))
    figure = new_figure(max(4.8, 3.6 * len(species) + 0.6), row_height(len(models) + 1))
    panels = figure.subplots(1, len(species), sharey=True, sharex=True, squeeze=False)[0]
    for axes, letter in zip(panels, species, strict=True):
        here = [row for row in scores if row.species == letter]
        true = {row.time: _shown(row.true) for row in here}
        times = sorted(true)
        axes.plot(times, [true[t] for t in times], color=GREY, ls="--", label="measured")
        for k, model in enumerate(models):
            mine = sorted((row for row in here if row.model == model), key=lambda row: row.time)
            axes.plot(
                [row.time for row in mine],
                [_shown(row.predicted) for row in mine],
                **series_style(k),
                label=escape_mathtext(model),
            )
        axes.set_xlabel(TIME_LABEL)
        axes.set_title(f"{letter} particles")
    known = [row.time for row in scores]
    finish_log_axis(panels[0], min(known), max(known))
    peak = max(value for row in scores for value in (row.true, row.predicted) if value > 0)
    panels[0].set_yscale("log")
    panels[0].set_ylim(_DECADES * peak, 2 * peak)
    panels[0].set_ylabel("susceptibility $\\chi_4$")
    legend_below(figure, panels[0])
    return figure


def _shown(value: float) -> float:
    """Break the line where a logarithm has no value, rather than bridge the gap."""
    return value if value > 0 else math.nan
