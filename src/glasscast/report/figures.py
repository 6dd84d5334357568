"""All figures of a report, with captions that say what to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from glasscast.evaluation.score_table import METRICS, ScoreTable
from glasscast.evaluation.smoothness_scores import SmoothnessEvaluation
from glasscast.evaluation.susceptibility import SusceptibilityScore
from glasscast.report.learning_curve_figure import learning_curve_figure
from glasscast.report.measured import Example, measured_values
from glasscast.report.particle_figures import density_figure, distribution_figure
from glasscast.report.score_figures import SelectionCurve, score_figure, selection_figure
from glasscast.report.slice_figures import slice_figure
from glasscast.report.smoothness_figures import local_smoothness_figure, rayleigh_figure
from glasscast.report.style import SavedFigure, format_time, save_figure
from glasscast.report.susceptibility_figure import susceptibility_figure
from glasscast.report.transfer_figure import TransferAxes, transfer_figure


@dataclass(frozen=True)
class Illustration:
    """A saved figure with the words that belong to it.

    Parameters
    ----------
    name : file name without ending.
    title, caption : plain text; names from outside are not escaped yet.
    figure : the files.
    """

    name: str
    title: str
    caption: str
    figure: SavedFigure


def draw_scores(
    folder: Path, scores: ScoreTable, tau_alpha: float | None = None
) -> list[Illustration]:
    """Draw and save the scores of every dataset and target in every metric."""
    done = []
    groups = [
        (dataset, target, scores.select(dataset=dataset, target=target))
        for dataset in scores.values_of("dataset")
        for target in scores.select(dataset=dataset).values_of("target")
    ]
    for number, (dataset, target, rows) in enumerate(groups, 1):
        where = f" on {dataset}" if dataset else ""
        for metric in [m for m in METRICS if m in rows.values_of("metric")]:
            tail = f"_{number}" if len(groups) > 1 else ""
            done.append(
                illustrate(
                    folder,
                    f"scores_{metric}{tail}",
                    f"{_METRIC_TITLES[metric]}: {target.replace('_', ' ')}{where}",
                    _score_caption(rows.select(metric=metric), metric, tau_alpha),
                    score_figure(rows, metric, tau_alpha=tau_alpha),
                )
            )
    return done


def draw_transfer(folder: Path, scores: ScoreTable, order: TransferAxes) -> list[Illustration]:
    """Draw and save how far each training carries, a figure a correlation and species."""
    return [
        illustrate(
            folder,
            f"transfer_{metric}_{species}",
            f"{_METRIC_TITLES[metric]}: {species} particles",
            _METRIC_CAPTIONS[metric] + _TRANSFER_CAPTION,
            transfer_figure(scores, order, species, metric),
        )
        for species in scores.values_of("species")
        for metric in METRICS[:2]
    ]


def draw_examples(
    folder: Path, examples: Sequence[Example], tau_alpha: float | None = None
) -> list[Illustration]:
    """Draw and save what the first example's model says of all its examples.

    Without measured values the predicted fields alone are shown.
    """
    if not examples:
        return []
    forecast, truth = examples[0]
    examples = [
        pair
        for pair in examples
        if pair[0].model == forecast.model and pair[0].target == forecast.target
    ]
    time = nearest_time(forecast.times, tau_alpha)
    labelled = [
        pair
        for pair in examples
        if any(measured_values(*pair, time=t) is not None for t in forecast.times)
    ]
    who = f"{forecast.model}, {truth.name}, t = {format_time(time)}"
    shown = measured_values(forecast, truth, time) is not None
    done = [
        illustrate(
            folder,
            "slice",
            f"A look into the box: {who}",
            _slice_caption(shown, forecast.configuration.dimension),
            slice_figure(forecast, truth, time=time),
        )
    ]
    if labelled:
        done.append(
            illustrate(
                folder,
                "density",
                f"Predicted against true: {forecast.model}, {_count(labelled)}",
                _DENSITY_CAPTION,
                density_figure(labelled),
            )
        )
    done.append(
        illustrate(
            folder,
            "distribution",
            f"Distributions: {forecast.model}, {_count(examples)}",
            _DISTRIBUTION_CAPTION if labelled else "Distribution of the forecast by species.",
            distribution_figure(examples),
        )
    )
    return done


def draw_learning_curve(
    folder: Path, curve: Mapping[int, ScoreTable], tau_alpha: float | None = None
) -> list[Illustration]:
    """Draw and save the score against the number of training configurations, if known."""
    if not curve:
        return []
    times = sorted({time for table in curve.values() for time in table.values_of("time")})
    time = nearest_time(times, tau_alpha)
    return [
        illustrate(
            folder,
            "learning_curve",
            f"Score against training configurations, t = {format_time(time)}",
            "Each model was trained on ever more of the same configurations and scored on the same "
            "unseen ones. A curve that still rises would gain from more data.",
            learning_curve_figure(curve, time),
        )
    ]


def draw_smoothness(
    folder: Path, smoothness: SmoothnessEvaluation, model: str
) -> list[Illustration]:
    """Draw and save global and local smoothness of one model's forecasts beside the truth."""
    series = {time: found for (name, time), found in smoothness.series.items() if name == model}
    if not series:
        return []
    return [
        illustrate(
            folder,
            "rayleigh",
            f"Rayleigh quotient: {model}",
            "Each violin is over configurations. High: neighbours move differently, as in their "
            "cages; low: mobile and immobile regions. A forecast is a conditional mean, so it may "
            "be smoother than the truth.",
            rayleigh_figure(series),
        ),
        illustrate(
            folder,
            "local_smoothness",
            f"Local smoothness: {model}",
            "How far each A particle deviates from its neighbours, relative to them; r is the "
            "correlation of predicted and true values.",
            local_smoothness_figure(series),
        ),
    ]


def draw_susceptibility(folder: Path, scores: Sequence[SusceptibilityScore]) -> list[Illustration]:
    """Draw and save the susceptibility against time, where there are times to draw it against."""
    known = [r for r in scores if r.time > 0 and (r.true > 0 or r.predicted > 0)]
    if len({row.time for row in known}) < 2:
        return []
    return [
        illustrate(
            folder,
            "susceptibility",
            "Do whole configurations differ as they should?",
            "Variance between configurations of the number of particles whose propensity exceeds "
            f"{known[0].threshold:g} σ, per particle. Look at the peak: a model below the dashed "
            "line makes configurations more alike than they are. A variance between "
            f"{known[0].n_configurations} configurations is uncertain; intervals are in the table.",
            susceptibility_figure(known),
        )
    ]


def draw_selection(folder: Path, curves: Sequence[SelectionCurve]) -> list[Illustration]:
    """Draw and save the score against the number of descriptors, if there are curves."""
    if not curves:
        return []
    caption = (
        "Descriptors were added one at a time, each time the one that raised the score most. "
        "Look for where the curve levels off: that many descriptors carry what the model knows."
    )
    title = "Score against number of descriptors"
    return [illustrate(folder, "selection", title, caption, selection_figure(curves))]


def nearest_time(times: Sequence[float] | np.ndarray, tau_alpha: float | None) -> float:
    """Time closest to tau_alpha on a log scale; the last where tau_alpha is not known."""
    positive = [float(t) for t in times if t > 0]
    if tau_alpha is None or not positive:
        return float(times[-1])
    return min(positive, key=lambda t: abs(np.log(t / tau_alpha)))


def illustrate(folder: Path, name: str, title: str, caption: str, figure: Figure) -> Illustration:
    """Save a figure with the words that belong to it."""
    return Illustration(name, title, caption, save_figure(figure, folder, name))


def _count(examples: Sequence[Example]) -> str:
    return "1 configuration" if len(examples) == 1 else f"{len(examples)} configurations"


_TRANSFER_CAPTION = (
    " A column for what was trained on, a row for a stage of relaxation, across it the state point "
    "of the test. Look whether a line falls where the test leaves the training, and whether "
    "training on all together loses against training at home."
)
_METRIC_TITLES = {
    "pearson_mean": "Correlation within configurations",
    "pearson_pooled": "Correlation over all particles",
    "rmse": "Error",
}
_METRIC_CAPTIONS = {
    "pearson_mean": (
        "Pearson correlation of forecast and measurement over the particles of one species, "
        "computed in each configuration and averaged."
    ),
    "pearson_pooled": (
        "Pearson correlation over the particles of all configurations together. It also rewards "
        "knowing which configurations are fast as a whole."
    ),
    "rmse": "Root mean squared error over the particles of all configurations.",
}
_DENSITY_CAPTION = (
    "Each panel counts particles (colour, log scale). Orange dots are the mean measured values of "
    "ten equal groups of particles, sorted by forecast: where they leave the dashed line y = x, "
    "the forecast is biased. A cloud flatter than the line is what an imperfect mean forecast "
    "looks like, not a bias."
)
_DISTRIBUTION_CAPTION = (
    "Filled: measured; lines: forecast. A forecast is a mean given the structure, so it is "
    "narrower than the measurement; how much narrower tells what the structure did not explain."
)


def _score_caption(rows: ScoreTable, metric: str, tau_alpha: float | None) -> str:
    text = _METRIC_CAPTIONS[metric]
    if any(np.isfinite(row.low) for row in rows):
        text += " Bars: bootstrap intervals over configurations."
    if any(np.isfinite(row.ceiling) for row in rows):
        text += (
            " Dashed line: the score of a predictor that knows the exact isoconfigurational mean, "
            "which the measurement's own noise keeps from being perfect; the grey area is out of "
            "reach. Look at the distance to that line, not to 1."
            if metric != "rmse"
            else " Dashed line: the error of a predictor that knows the exact mean; it cannot be "
            "beaten on average."
        )
    if tau_alpha is not None and len(rows.values_of("time")) > 1:
        text += " Dotted: the alpha relaxation time."
    return text


def _slice_caption(labelled: bool, dimension: int) -> str:
    cut = "A slice one σ thick through the middle" if dimension == 3 else "The whole configuration"
    text = (
        f"{cut}; circles have the size of the species, colour is the rank within the species "
        "(yellow: fastest, grey: no value). Paler circles beyond the frame are periodic images."
    )
    if labelled:
        text += (
            " Compare where fast and slow patches lie on the left and in the middle; red on the "
            "right: predicted too fast, blue: too slow."
        )
    return text
