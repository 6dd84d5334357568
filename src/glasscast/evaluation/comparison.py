"""Models side by side: scores, collective motion, share of the noise ceiling, and costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from glasscast.datasets.stages import By, in_time
from glasscast.evaluation.bonds import BOND_TARGET
from glasscast.evaluation.published import PARAMETERS, SIMULATION, PublishedScore
from glasscast.evaluation.score_table import ScoreTable
from glasscast.evaluation.smoothness_scores import SmoothnessScore
from glasscast.evaluation.susceptibility import SusceptibilityScore
from glasscast.evaluation.table_text import (
    csv_text,
    escape_latex,
    escape_markdown,
    latex_text,
    markdown_text,
    write_text,
)

MEASURED = "this run"
#: Begins the origin of numbers that were published, not scored here.
PUBLISHED = "published: "


@dataclass(frozen=True)
class Cost:
    """What one model took; NaN where it was not measured.

    Parameters
    ----------
    parameters : numbers learned.
    fit_seconds : of one training, mean over the fits of a benchmark.
    predict_seconds : of one configuration, descriptors and graphs included.
    peak_mb : largest resident memory of the whole process during training and forecast.
    """

    parameters: float = math.nan
    fit_seconds: float = math.nan
    predict_seconds: float = math.nan
    peak_mb: float = math.nan


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One model at one time. NaN where a number is not known, as most are of published ones.

    Parameters
    ----------
    model : label in the experiment, or name in the publication.
    origin : ``this run``, ``published:`` and the citations, or whose forecasts were scored.
    pearson_mean, low, high, pearson_pooled, ceiling, share : see :class:`Score`; ceiling and
        share of ``pearson_mean``.
    trainings, worst, best : see :class:`Score`; of ``pearson_mean``.
    smoothness_pearson : ``local_pearson`` of :class:`SmoothnessScore`; of A particles only.
    chi4_true, chi4_predicted, chi4_ratio, chi4_low, chi4_high : see :class:`SusceptibilityScore`.
    parameters, fit_seconds, predict_seconds, peak_mb : see :class:`Cost`.
    """

    model: str
    origin: str
    target: str
    species: str
    time: float
    pearson_mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    pearson_pooled: float = math.nan
    ceiling: float = math.nan
    share: float = math.nan
    trainings: float = 1
    worst: float = math.nan
    best: float = math.nan
    smoothness_pearson: float = math.nan
    chi4_true: float = math.nan
    chi4_predicted: float = math.nan
    chi4_ratio: float = math.nan
    chi4_low: float = math.nan
    chi4_high: float = math.nan
    parameters: float = math.nan
    fit_seconds: float = math.nan
    predict_seconds: float = math.nan
    peak_mb: float = math.nan


COLUMNS = tuple(f.name for f in fields(Compared))


@dataclass(frozen=True)
class Comparison:
    """Rows ordered by target, pairs last, species and time; ours first, then the published.

    Parameters
    ----------
    by : what the times are values of; see :class:`~glasscast.datasets.stages.Stages`.
    """

    rows: tuple[Compared, ...]
    by: By = "time"

    @property
    def times(self) -> list[float]:
        """Times of its rows, or values of stages, in order of time."""
        return in_time(self.by, {row.time for row in self.rows})

    def to_csv(self) -> str:
        """All columns at full precision; see :func:`csv_text`."""
        return csv_text(COLUMNS, map(asdict, self.rows))

    def to_markdown(self) -> str:
        """Write a pipe table, rounded for reading."""
        return markdown_text(_HEADS, (_cells(row, escape_markdown) for row in self.rows))

    def to_latex(self) -> str:
        """Write a booktabs ``tabular``, rounded for reading."""
        rows = (_cells(row, escape_latex) for row in self.rows)
        return latex_text("lllrlrrrrlrrrrl", _HEADS, rows)

    def write(self, path: Path) -> None:
        """Write atomically in the format that the ending names: csv, md or tex.

        Raises
        ------
        SettingsError : for another ending.
        """
        formats = {".csv": self.to_csv, ".md": self.to_markdown, ".tex": self.to_latex}
        write_text(path, formats)


def compare(
    scores: ScoreTable,
    costs: Mapping[str, Cost],
    published: Sequence[PublishedScore] = (),
    *,
    smoothness: Sequence[SmoothnessScore] = (),
    susceptibility: Sequence[SusceptibilityScore] = (),
    others: Mapping[str, str] | None = None,
) -> Comparison:
    """Put models beside one another and, where times or stages agree, beside published scores.

    Published scores are of A particles, on test sets and training sets of their own: they are
    context, not opponents on equal terms.

    Parameters
    ----------
    scores : of any number of models on one data set.
    costs : by model.
    published : scores on the published data set that ours is a sample of.
    smoothness, susceptibility : of the same models, as far as known.
    others : models that are not ours, and where their forecasts are from.
    """
    more: dict[tuple[str, str, str, float], dict[str, float]] = {}
    for smooth in smoothness:
        found = more.setdefault((smooth.model, smooth.target, "A", smooth.time), {})
        found["smoothness_pearson"] = smooth.local_pearson
    for chi4 in susceptibility:
        found = more.setdefault((chi4.model, chi4.target, chi4.species, chi4.time), {})
        found |= {
            f"chi4_{name}": getattr(chi4, name)
            for name in ("true", "predicted", "ratio", "low", "high")
        }
    rows: list[Compared] = []
    groups = dict.fromkeys((row.target, row.species, row.time) for row in scores)
    for target, species, time in sorted(groups, key=lambda g: (g[0] == BOND_TARGET, *g)):
        here = scores.select(target=target, species=species, time=time)
        for model in here.values_of("model"):
            known = asdict(costs.get(model, Cost())) | more.get((model, target, species, time), {})
            origin = (others or {}).get(model, MEASURED)
            rows.append(replace(_measured(here.select(model=model), known), origin=origin))
        if species == "A":
            rows += _published(published, target, time, scores.by)
    return Comparison(tuple(rows), scores.by)


def _measured(scores: ScoreTable, known: Mapping[str, float]) -> Compared:
    by_metric = {row.metric: row for row in scores}
    mean, pooled = by_metric["pearson_mean"], by_metric["pearson_pooled"]
    return Compared(
        model=mean.model,
        origin=MEASURED,
        target=mean.target,
        species=mean.species,
        time=mean.time,
        pearson_mean=mean.value,
        low=mean.low,
        high=mean.high,
        pearson_pooled=pooled.value,
        ceiling=mean.ceiling,
        share=mean.share,
        trainings=mean.trainings,
        worst=mean.worst,
        best=mean.best,
        **known,
    )


def _published(
    published: Sequence[PublishedScore], target: str, time: float, by: str
) -> list[Compared]:
    """Rows of the published models that have a score of this target at this time or stage."""
    found: dict[str, dict[str, float]] = {}
    sources: dict[str, dict[str, None]] = {}
    counts = {score.model: score.value for score in published if score.metric == PARAMETERS}
    for score in published:
        metric, of = score.measures or ("", "")
        if of == target and score.is_at(time, by):
            values = found.setdefault(score.label, {})
            values.setdefault(metric, score.value)
            values["parameters"] = counts.get(score.model, math.nan)
            origin = f"{score.citation} ({score.conditions})"
            sources.setdefault(score.label, {})[origin] = None
    simulated = found.pop(SIMULATION, {}).get("chi4_predicted", math.nan)
    rows = []
    for model, values in found.items():
        if "chi4_predicted" in values:
            values["chi4_true"] = simulated
            if simulated > 0:
                values["chi4_ratio"] = values["chi4_predicted"] / simulated
        rows.append(
            Compared(
                model=model,
                origin=PUBLISHED + "; ".join(sources[model]),
                target=target,
                species="A",
                time=time,
                **values,
            )
        )
    return rows


_HEADS = (
    "model",
    "target",
    "species",
    "time",
    "Pearson mean",
    "Pearson pooled",
    "ceiling",
    "share",
    "smoothness r",
    "chi4 ratio",
    "parameters",
    "training s",
    "forecast s",
    "peak MB",
    "origin",
)


def _cells(row: Compared, escape: Callable[[str], str]) -> list[str]:
    return [
        escape(row.model),
        escape(row.target),
        escape(row.species),
        f"{row.time:g}",
        _with_interval(row.pearson_mean, row.low, row.high, ".3f"),
        _number(row.pearson_pooled, ".3f"),
        _number(row.ceiling, ".3f"),
        _number(row.share, ".3f"),
        _number(row.smoothness_pearson, ".3f"),
        _with_interval(row.chi4_ratio, row.chi4_low, row.chi4_high, ".2f"),
        _number(row.parameters, ".0f"),
        _number(row.fit_seconds, ".3g"),
        _number(row.predict_seconds, ".3g"),
        _number(row.peak_mb, ".0f"),
        escape(row.origin),
    ]


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


def _with_interval(value: float, low: float, high: float, form: str) -> str:
    text = _number(value, form)
    return text if math.isnan(low) else f"{text} ({low:{form}} to {high:{form}})"
