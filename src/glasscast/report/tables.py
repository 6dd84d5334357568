"""The tables of a page: scores of each metric, smoothness, and models side by side with costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from markupsafe import Markup

from glasscast.datasets.stages import By, in_time, row_text
from glasscast.evaluation.comparison import MEASURED, PUBLISHED, Compared, Comparison
from glasscast.evaluation.published import PublishedScore
from glasscast.evaluation.score_table import Score, ScoreTable
from glasscast.evaluation.smoothness_scores import SmoothnessScore
from glasscast.report import html
from glasscast.report.style import group_words, target_words

_DASH = Markup("<td>–</td>")
_COMPARED = ("model", "Pearson r, mean", "pooled", "share of ceiling", "smoothness r", "χ₄ ratio")
_COSTS = ("model", "parameters", "training (s)", "forecast (s)", "peak memory (MB)")


def _table(heads: Sequence[str], bodies: Sequence[Markup]) -> Markup:
    """Table that scrolls sideways, of groups of rows."""
    titles = html.join(Markup('<th scope="col">{}</th>').format(head) for head in heads)
    return Markup(
        '<div class="wide"><table class="scores"><thead><tr>{}</tr></thead>{}</table></div>'
    ).format(titles, html.join(bodies))


def _group(lines: Sequence[Markup], title: str = "", width: int = 0) -> Markup:
    """Rows that belong together, under a title across so many columns."""
    head = Markup('<tr><th colspan="{}" scope="rowgroup">{}</th></tr>').format(width, title)
    return Markup("<tbody>{}{}</tbody>").format(head if title else "", html.join(lines))


def _line(name: str, cells: Sequence[Markup], kind: str = "") -> Markup:
    """Row of a name and cells; its kind decides how it is set."""
    start = Markup('<tr class="{}">').format(kind) if kind else Markup("<tr>")
    return start + Markup('<th scope="row">{}</th>{}</tr>').format(name, html.join(cells))


def _cell(text: str, small: Sequence[str] = (), bold: bool = False) -> Markup:
    """Cell of a number and small print below it; a dash where the number is not known."""
    if text.startswith("nan"):
        return _DASH
    number = Markup("<strong>{}</strong>" if bold else "{}").format(text)
    below = html.join(Markup("<small>{}</small>").format(line) for line in small)
    return Markup("<td>{}{}</td>").format(number, below)


def plain_table(
    heads: Sequence[str], lines: Sequence[tuple[str, Sequence[tuple[str, str]]]]
) -> Markup:
    """Return a row a line: its name, then a cell each of text and small print."""
    rows = [
        _line(name, [_cell(text, [small] if small else []) for text, small in cells])
        for name, cells in lines
    ]
    return _table(heads, [_group(rows)])


def score_table(scores: ScoreTable) -> Markup:
    """Return one metric of one dataset and target: a row a model, a column a time.

    Each cell has the score (best in bold), its interval, and its share of the ceiling.
    """
    times = scores.times()
    bodies = []
    for species in scores.values_of("species"):
        rows = scores.select(species=species)
        lines = [_model_line(rows, model, times) for model in rows.values_of("model")]
        lines += _ceiling_line(rows, times)
        bodies.append(_group(lines, group_words(species), len(times) + 1))
    heads = [row_text(scores.by, time) for time in times]
    return _table(["model", *heads], bodies)


def _model_line(rows: ScoreTable, model: str, times: Sequence[float]) -> Markup:
    cells = []
    for time in times:
        at_time = rows.select(time=time)
        found = at_time.select(model=model).rows
        cells.append(_score_cell(found[0], at_time) if found else _DASH)
    return _line(model, cells)


def _score_cell(row: Score, rivals: ScoreTable) -> Markup:
    if not math.isfinite(row.value):
        return Markup('<td title="the score is not defined">–</td>')
    values = [r.value for r in rivals if math.isfinite(r.value)]
    best = min(values) if row.metric == "rmse" else max(values)
    small = []
    if math.isfinite(row.low):
        small.append(f"{row.low:.3f} – {row.high:.3f}")
    if math.isfinite(row.share):
        small.append(f"{row.share:.0%} of ceiling")
    if row.trainings > 1:
        small.append(f"{row.worst:.3f} – {row.best:.3f} in {row.trainings} trainings")
    return _cell(f"{row.value:.3f}", small, len(values) > 1 and row.value == best)


def _ceiling_line(rows: ScoreTable, times: Sequence[float]) -> list[Markup]:
    """Return the ceilings, see :meth:`ScoreTable.ceilings`, if any is known."""
    best = rows.ceilings()
    if not best:
        return []
    name = "noise floor" if rows.rows[0].metric == "rmse" else "noise ceiling"
    return [_line(name, [_cell(f"{best.get(t, math.nan):.3f}") for t in times], "ceiling")]


def smoothness_table(scores: Sequence[SmoothnessScore], by: By = "time") -> Markup:
    """Return a row a model, a column a time: local correlation, then Rayleigh quotients."""
    times = in_time(by, {row.time for row in scores})
    lines = []
    for model in dict.fromkeys(row.model for row in scores):
        found = {row.time: row for row in scores if row.model == model}
        lines.append(_line(model, [_smoothness_cell(found.get(time)) for time in times]))
    heads = [row_text(by, time) for time in times]
    return _table(["model", *heads], [_group(lines)])


def _smoothness_cell(row: SmoothnessScore | None) -> Markup:
    if row is None:
        return _DASH
    local = f"{row.local_pearson:.3f}" if math.isfinite(row.local_pearson) else "–"
    return _cell(local, [f"{row.rayleigh_predicted:.3f} ({row.rayleigh_true:.3f})"])


def comparison_table(comparison: Comparison, time: float | None = None) -> Markup:
    """Return scores of models below one another, ours first, a group a target, species and time.

    Parameters
    ----------
    comparison : rows ordered by target, species and time.
    time : show this one alone, with the susceptibility where the truth's is largest, for
        elsewhere a few particles decide about it.
    """
    rows: Sequence[Compared] = comparison.rows
    peaks: dict[tuple[str, str], float] = {}
    if time is not None:
        peaks = _peaks(rows)
        at_peak = {_key(row): row for row in rows if row.time == peaks.get(_field(row))}
        rows = [_with_chi4(row, at_peak.get(_key(row))) for row in rows if row.time == time]
    origins = _origins(comparison)
    groups: dict[tuple[str, str, float], list[Compared]] = {}
    for row in rows:
        groups.setdefault((row.target, row.species, row.time), []).append(row)
    bodies = []
    for (target, species, t), members in groups.items():
        here = row_text(comparison.by, t)
        title = f"{target_words(target)} of {group_words(species)}, {here}"
        peak = peaks.get((target, species), t)
        if peak != t:
            title += f"; χ₄ at {row_text(comparison.by, peak)}, where it is largest"
        lines = [_compared_line(row, members, origins) for row in members]
        lines += _highest_ceiling_line(members)
        bodies.append(_group(lines, title, len(_COMPARED)))
    return _table(_COMPARED, bodies)


def _origins(comparison: Comparison) -> list[str]:
    """Where rows of others are from; their number stands behind a name."""
    return list(dict.fromkeys(row.origin for row in comparison.rows if row.origin != MEASURED))


def _field(row: Compared) -> tuple[str, str]:
    return row.target, row.species


def _key(row: Compared) -> tuple[str, str, str, str]:
    return row.model, row.origin, row.target, row.species


def _peaks(rows: Sequence[Compared]) -> dict[tuple[str, str], float]:
    """Time at which the measured susceptibility is largest, by target and species."""
    ours = (row for row in rows if row.origin == MEASURED and row.chi4_true > 0)
    return {_field(row): row.time for row in sorted(ours, key=lambda row: row.chi4_true)}


def _with_chi4(row: Compared, other: Compared | None) -> Compared:
    """Return a row with the susceptibility of another one, unknown without one."""
    return replace(
        row,
        chi4_ratio=math.nan if other is None else other.chi4_ratio,
        chi4_low=math.nan if other is None else other.chi4_low,
        chi4_high=math.nan if other is None else other.chi4_high,
    )


def _compared_line(row: Compared, rivals: Sequence[Compared], origins: Sequence[str]) -> Markup:
    ours = [r for r in rivals if r.origin == MEASURED]

    def best(field: str, merit: Callable[[float], float] = float) -> bool:
        """Tell whether this row has the best of our values, if there are others."""
        merits = [merit(getattr(r, field)) for r in ours if math.isfinite(getattr(r, field))]
        if row.origin != MEASURED or len(merits) < 2 or not math.isfinite(max(merits)):
            return False
        return merit(getattr(row, field)) == max(merits)

    chi4 = _interval(row.chi4_low, row.chi4_high, 2)
    cells = [
        _cell(f"{row.pearson_mean:.3f}", _interval(row.low, row.high, 3), best("pearson_mean")),
        _cell(f"{row.pearson_pooled:.3f}", bold=best("pearson_pooled")),
        _cell(f"{row.share:.0%}"),
        _cell(f"{row.smoothness_pearson:.3f}", bold=best("smoothness_pearson")),
        _cell(f"{row.chi4_ratio:.2f}", chi4, best("chi4_ratio", _near_one)),
    ]
    if row.origin == MEASURED:
        return _line(row.model, cells)
    return _line(f"{row.model} [{origins.index(row.origin) + 1}]", cells, "published")


def _interval(low: float, high: float, digits: int) -> list[str]:
    return [] if math.isnan(low) else [f"{low:.{digits}f} – {high:.{digits}f}"]


def _near_one(ratio: float) -> float:
    """Merit of a ratio: twice too much is as wrong as half."""
    return -abs(math.log(ratio)) if ratio > 0 else -math.inf


def _highest_ceiling_line(rows: Sequence[Compared]) -> list[Markup]:
    """Return the highest ceiling, if any is known."""
    known = [row.ceiling for row in rows if math.isfinite(row.ceiling)]
    if not known:
        return []
    empty = Markup("<td></td>")
    return [_line("noise ceiling", [_cell(f"{max(known):.3f}"), *[empty] * 4], "ceiling")]


def sources(comparison: Comparison) -> Markup:
    """Return the sources of the numbered rows; nothing if there are none."""
    origins = _origins(comparison)
    if not origins:
        return Markup()
    note = html.paragraph(
        "Numbered rows are of others, from training sets of their own and, where they are "
        "published numbers, test sets of their own: context, not opponents on equal terms."
    )
    items = (Markup("<li>{}</li>").format(origin.removeprefix(PUBLISHED)) for origin in origins)
    return Markup("{}<ol>{}</ol>").format(note, html.join(items))


def transfer_table(published: Sequence[PublishedScore]) -> Markup:
    """Return what others reached between state points: a row a model and training, a column a test.

    Correlations are those of all A particles pooled.
    """
    tests = list(dict.fromkeys((score.temperature, score.time) for score in published))
    known = {(s.model, s.trained_at, s.temperature, s.time): s.value for s in published}
    lines = []
    for model, trained in dict.fromkeys((s.model, s.trained_at) for s in published):
        numbers = [known.get((model, trained, *test), math.nan) for test in tests]
        cells = [_cell(f"{number:.3f}") for number in numbers]
        lines.append(_line(f"{model}, trained at T = {trained:g}", cells, "published"))
    heads = [f"tested at T = {temperature:g}, t = {time}" for temperature, time in tests]
    origins = dict.fromkeys(f"{score.citation} ({score.conditions})" for score in published)
    items = html.join(Markup("<li>{}</li>").format(origin) for origin in origins)
    return _table(["published model", *heads], [_group(lines)]) + Markup("<ul>{}</ul>").format(
        items
    )


def cost_table(comparison: Comparison) -> Markup:
    """Return what each model took; nothing if nothing was measured.

    Of published models it is what they learn, where that was published.
    """
    lines, origins = [], _origins(comparison)
    for row in {(r.model, r.origin): r for r in comparison.rows}.values():
        numbers = [
            f"{row.parameters:.0f}",
            f"{row.fit_seconds:.3g}",
            f"{row.predict_seconds:.3g}",
            f"{row.peak_mb:.0f}",
        ]
        if any(number != "nan" for number in numbers):
            cells = [_cell(number) for number in numbers]
            if row.origin == MEASURED:
                lines.append(_line(row.model, cells))
            else:
                name = f"{row.model} [{origins.index(row.origin) + 1}]"
                lines.append(_line(name, cells, "published"))
    return _table(_COSTS, [_group(lines)]) if lines else Markup()
