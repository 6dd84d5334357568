"""Figures that compare models: with more to train on, and at state points they never saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from glasscast.datasets.stages import By, row_text
from glasscast.evaluation.score_table import METRICS, LearningCurve, ScoreTable, SweptScores
from glasscast.report.illustration import Illustration, listed
from glasscast.report.score_figures import (
    METRIC_CAPTIONS,
    METRIC_LABELS,
    METRIC_TITLES,
    correlation_limits,
    error_bars,
    panels_of,
)
from glasscast.report.style import (
    GREY,
    escape_mathtext,
    group_words,
    legend_below,
    new_figure,
    published_style,
    row_height,
    series_style,
    styled,
)


@styled
def learning_curve_figure(curve: LearningCurve, time: float) -> Illustration:
    """Pearson correlation at one time, a panel a species, a line a model.

    Parameters
    ----------
    curve : of all models.
    time : shown, in LJ units.
    """
    tables = {size: curve[size] for size in sorted(curve)}
    figure, models, species = _curves(
        [float(size) for size in tables], list(tables.values()), time, log=True
    )
    sizes = list(tables)
    for axes in figure.axes:
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.set_xlabel("training configurations")
    return Illustration(
        name="learning_curve",
        title=f"Score against training configurations, {row_text(_by(curve), time)}",
        caption="Each model was trained on ever more of the same configurations and scored on the "
        "same unseen ones. A curve that still rises would gain from more data.",
        alternative=f"{METRIC_LABELS['pearson_mean']}, against {sizes[0]} to {sizes[-1]} training "
        f"configurations on a log axis, of {listed(models)}; {panels_of(species)}.",
        figure=figure,
    )


@styled
def sweep_figure(scores: SweptScores, setting: str, time: float) -> Illustration:
    """Pearson correlation at one time against the values of a setting, a line a model.

    Numbers stand where they belong, on a log axis if they span a factor of eight; other values
    side by side.

    Parameters
    ----------
    scores : of each value.
    setting : dotted key.
    time : shown, in LJ units.

    References
    ----------
    Figures 9 and 10 of Shiba et al. (2023); supplementary figures 1 to 4 of Jiang et al. (2023).
    """
    texts = list(scores)
    places, log = _places(texts)
    order = sorted(range(len(texts)), key=places.__getitem__)
    places, texts = [places[k] for k in order], [texts[k] for k in order]
    figure, models, species = _curves(places, [scores[text] for text in texts], time, log=log)
    words = setting.replace("_", " ").replace(".", ", ")
    for axes in figure.axes:
        axes.set_xticks(places, [escape_mathtext(text) for text in texts])
        axes.set_xlabel(escape_mathtext(words))
    return Illustration(
        name="sweep",
        title=f"Score against {words}, {row_text(_by(scores), time)}",
        caption="Each model was trained with each value of this one setting, all else equal. "
        "Differences within the bars are not worth a choice.",
        alternative=f"{METRIC_LABELS['pearson_mean']}, against {words}: {listed(texts)}; of "
        f"{listed(models)}; {panels_of(species)}.",
        figure=figure,
    )


def _by(tables: Mapping[Any, ScoreTable]) -> By:
    return next(iter(tables.values())).by


def _places(texts: Sequence[str]) -> tuple[list[float], bool]:
    """Where values stand on an axis, and whether it is logarithmic."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return [float(k) for k in range(len(texts))], False
    return numbers, min(numbers) > 0 and max(numbers) >= 8 * min(numbers)


def _curves(
    places: Sequence[float], tables: Sequence[ScoreTable], time: float, *, log: bool
) -> tuple[Figure, list[str], list[str]]:
    """Draw score tables at places on an axis; gives the figure, the models and the species."""
    shown = [table.select(metric="pearson_mean", time=time) for table in tables]
    together = ScoreTable(tuple(row for table in shown for row in table))
    species, models = together.values_of("species"), together.values_of("model")
    figure = new_figure(max(4.8, 3.6 * len(species) + 0.6), row_height(len(models) + 1))
    panels = figure.subplots(1, max(1, len(species)), sharey=True, squeeze=False)[0]
    width = max(places) - min(places)
    for axes, letter in zip(panels, species, strict=False):
        for k, model in enumerate(models):
            points = [
                (x, t.select(species=letter, model=model).rows)
                for x, t in zip(places, shown, strict=True)
            ]
            known = [(x, rows[0]) for x, rows in points if rows]
            # Side by side by a little, so that error bars can be told apart.
            aside = k - (len(models) - 1) / 2
            axes.errorbar(
                [x * 1.02**aside if log else x + 0.005 * width * aside for x, _ in known],
                [row.value for _, row in known],
                yerr=error_bars([row for _, row in known]),
                **series_style(k),
                elinewidth=1.0,
                label=escape_mathtext(model),
            )
        for best in shown[-1].select(species=letter).ceilings().values():
            axes.axhline(best, color=GREY, ls="--", lw=1.2, label="noise ceiling", zorder=1)
        if log:
            axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_title(group_words(letter))
    values = [row.value for row in together]
    panels[0].set_ylim(min([0.0, *(v - 0.05 for v in values if v == v)]), 1.0)
    panels[0].set_ylabel(METRIC_LABELS["pearson_mean"])
    legend_below(figure, panels[0])
    return figure, models, species


_OTHERS = " Dotted and grey: published, from training and test sets of their own."


@dataclass(frozen=True)
class TransferAxes:
    """What was trained, on what, and tested where, in the order of the panels.

    Scores name their model ``model/training`` and have the state point as their dataset.
    """

    models: Sequence[str]
    trainings: Sequence[str]
    state_points: Sequence[str]


def transfer_figures(
    scores: ScoreTable, order: TransferAxes, published: ScoreTable | None = None
) -> list[Illustration]:
    """How far each training carries, a figure a correlation and species.

    Parameters
    ----------
    published : what others reached, named as scores are; drawn dotted and grey.
    """
    return [
        transfer_figure(scores, order, species, metric, published)
        for species in scores.values_of("species")
        for metric in METRICS[:2]
    ]


@styled
def transfer_figure(
    scores: ScoreTable,
    order: TransferAxes,
    species: str,
    metric: str = "pearson_mean",
    published: ScoreTable | None = None,
) -> Illustration:
    """Score against the state point tested, a column a training, a row a stage of relaxation.

    References
    ----------
    Figures 5 and 6 of the EIGNN paper.
    """
    scores = scores.select(metric=metric, species=species)
    others = (published or ScoreTable()).select(metric=metric, species=species)
    stages = scores.times()
    columns, rows = len(order.trainings), max(1, len(stages))
    width = max(1.5, 0.55 * len(order.state_points) + 0.6)
    figure = new_figure(max(4.8, width * columns + 0.8), 1.9 * rows + 0.9)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for line, stage in zip(panels, stages, strict=False):
        for axes, training in zip(line, order.trainings, strict=True):
            _draw(axes, scores.select(time=stage), order, training)
            _draw_others(axes, others.select(time=stage), order, training)
        line[0].set_ylabel(escape_mathtext(row_text(scores.by, stage)))
    for axes, training in zip(panels[0], order.trainings, strict=True):
        axes.set_title(f"trained on {escape_mathtext(training)}")
    panels[0, 0].set_ylim(correlation_limits(scores))
    panels[0, 0].set_xlim(-0.4, len(order.state_points) - 0.6)
    figure.supylabel(METRIC_LABELS[metric], fontsize=9.5)
    for axes in panels[-1]:
        axes.set_xlabel("tested on")
    legend_below(figure, *panels.flat)
    return Illustration(
        name=f"transfer_{metric}_{species}",
        title=f"{METRIC_TITLES[metric]}: {group_words(species)}",
        caption=f"{METRIC_CAPTIONS[metric]} A column for what was trained on, a row for a stage of "
        "relaxation, across it the state point of the test. Look whether a line falls where the "
        "test leaves the training, and whether training on all together loses against training at "
        "home." + (_OTHERS if len(others) else ""),
        alternative=f"{METRIC_LABELS[metric]}, of {group_words(species)}, tested on "
        f"{listed(order.state_points)}, of {listed(order.models)}; {columns} columns for training "
        f"on {listed(order.trainings)}, {len(stages)} rows for "
        f"{listed([row_text(scores.by, stage) for stage in stages])}.",
        figure=figure,
    )


def _draw(axes: Axes, scores: ScoreTable, order: TransferAxes, training: str) -> None:
    """Draw one panel: the ceiling of each state point, then a line a model."""
    places = {point: k for k, point in enumerate(order.state_points)}
    best = scores.ceilings("dataset")
    if best:
        known = [point for point in order.state_points if point in best]
        axes.plot(
            [places[point] for point in known],
            [best[point] for point in known],
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
    axes.set_xticks(
        range(len(order.state_points)), [escape_mathtext(s) for s in order.state_points]
    )


def _draw_others(axes: Axes, scores: ScoreTable, order: TransferAxes, training: str) -> None:
    """Draw published transfers in grey, told apart by their markers."""
    places = {point: k for k, point in enumerate(order.state_points)}
    ours = [r for r in scores if r.model.endswith(f"/{training}") and r.dataset in places]
    models = dict.fromkeys(row.model for row in ours)
    for k, model in enumerate(models):
        rows = [row for row in ours if row.model == model]
        axes.plot(
            [places[row.dataset] for row in rows],
            [row.value for row in rows],
            **published_style(k),
            label=escape_mathtext(model.removesuffix(f"/{training}")),
        )
