"""Times against the relaxation time: curves of many models and which times are early and late."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from glasscast.liquid.box import FloatArray
from glasscast.recipes.curves import (
    RELAXATION,
    by_time,
    ceiling,
    correlation_axis,
    curve,
    others,
    public_scores,
)
from glasscast.recipes.material import Material, Point
from glasscast.recipes.scoring import Correlations, correlations
from glasscast.recipes.sheet import Sheet

#: t / tau_alpha from the cage regime to the relaxation time, of its early part, and after it.
CAGE, EARLY, FROM, AFTER = (0.01, 1.3), (0.01, 0.2), (0.7, np.inf), (1.3, np.inf)
#: Name of a model here -> name in the published scores.
PUBLIC = {
    "EIGNN-Cage": "EIGNN_Cage",
    "EIGNN-Inh": "EIGNN_Inh",
    "CAGE": "CAGE",
    "GlassMLP": "GlassMLP",
    "BOTAN": "BOTAN",
    "SE(3)-GNN": "SE3-GNN",
}
_METRICS = {"mean": "pcc_mean_md_A", "all": "pcc_all_md_A"}
METRIC_WORDS = {"mean": "Pcc(mean), species A", "all": "Pcc(all), species A"}
TIME_LABEL = r"$t / \tau_\alpha$"


def rows_within(point: Point, span: tuple[float, float]) -> NDArray[np.int64]:
    """Rows of the times within a span of t / tau_alpha."""
    x = point.times / point.tau_alpha
    return np.flatnonzero((x >= span[0]) & (x <= span[1]))


def mean_within(samples: FloatArray, point: Point, span: tuple[float, float]) -> FloatArray:
    """Mean over the times within a span: (C,); empty where there is none."""
    rows = rows_within(point, span)
    return np.asarray(samples[rows].mean(axis=0)) if len(rows) else np.empty(0)


def time_curves(
    material: Material,
    sheet: Sheet,
    axes: Axes,
    panel: str,
    models: Mapping[str, str],
    metric: str = "mean",
    point: Point | None = None,
    public_at: float | None = None,
    species: int = 0,
) -> dict[str, FloatArray]:
    """Draw scores of several models against t / tau_alpha.

    Parameters
    ----------
    models : series -> training.
    metric : ``mean`` or ``all``.
    public_at : temperature of the public scores laid over ours; None: none.

    Returns
    -------
    Scores of each series, one a time and configuration (T, C).
    """
    at = point or material.point
    x = at.times / at.tau_alpha
    found = {}
    for k, (series, training) in enumerate(models.items()):
        score: Correlations = correlations(material.forecasts(training, at), at, species)
        found[series] = score.samples(metric)
        curve(sheet, axes, panel, series, x, found[series], k)
        if public_at is not None and training in PUBLIC:
            time, value = public_scores(public_at, _METRICS[metric], PUBLIC[training])
            others(sheet, axes, panel, series, time / RELAXATION[public_at], value, k, "public")
    if species == 0:
        ceiling(sheet, axes, panel, x, at, metric == "all")
    by_time(axes, TIME_LABEL, 1.0)
    low = min(0.0, *(float(np.nanmin(v)) - 0.05 for v in found.values()))
    correlation_axis(axes, METRIC_WORDS[metric].replace("A", "AB"[species]), low)
    return found
