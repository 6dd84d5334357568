"""The tables of a benchmark: models below one another, ours first, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape

from glasscast.evaluation.comparison import MEASURED, Compared, Comparison
from glasscast.report import html
from glasscast.report.figures import nearest_time
from glasscast.report.style import format_time

_SCORES = ("model", "Pearson r, mean", "pooled", "share of ceiling", "smoothness r", "χ₄ ratio")
_COSTS = ("model", "parameters", "training (s)", "forecast (s)", "peak memory (MB)")

#: What a table has one group of rows for: target, species and time.
Group = tuple[str, str, float]


def comparison_table(
    comparison: Comparison, tau_alpha: float | None = None, threshold: float | None = None
) -> str:
    """Return scores at the time nearest to tau_alpha, folded away those at all times, and costs.

    The first table has the susceptibility where the truth's is largest, for elsewhere a few
    particles decide about it.

    Parameters
    ----------
    comparison : rows ordered by target, species and time.
    tau_alpha : alpha relaxation time in LJ units; the last time is shown where it is not known.
    threshold : of the susceptibilities, in sigma; they are explained where it is known.
    """
    rows = comparison.rows
    if not rows:
        return ""
    times = sorted({row.time for row in rows})
    shown = nearest_time(times, tau_alpha)
    origins = list(dict.fromkeys(row.origin for row in rows if row.origin != MEASURED))
    peaks = _peaks(rows)
    at_peak = {_name(r): r for r in rows if r.time == peaks.get((r.target, r.species))}
    main = [_with_chi4(row, at_peak.get(_name(row))) for row in rows if row.time == shown]
    parts = [html.paragraph(_explanation(threshold)), _table(main, origins, peaks)]
    if len(times) > 1:
        everything = _table(rows, origins, {})
        parts.append(f"<details><summary>At all times</summary>{everything}</details>")
    return "".join(parts) + _sources(origins) + _costs(rows)


def _name(row: Compared) -> tuple[str, str, str, str]:
    return row.model, row.origin, row.target, row.species


def _peaks(rows: Sequence[Compared]) -> dict[tuple[str, str], float]:
    """Time at which the measured susceptibility is largest, by target and species."""
    ours = (row for row in rows if row.origin == MEASURED and row.chi4_true > 0)
    return {(r.target, r.species): r.time for r in sorted(ours, key=lambda r: r.chi4_true)}


def _with_chi4(row: Compared, other: Compared | None) -> Compared:
    """Return a row with the susceptibility of another one, unknown without one."""
    return replace(
        row,
        chi4_ratio=math.nan if other is None else other.chi4_ratio,
        chi4_low=math.nan if other is None else other.chi4_low,
        chi4_high=math.nan if other is None else other.chi4_high,
    )


def _explanation(threshold: float | None) -> str:
    text = (
        "Bold: best of this run. Smoothness r: correlation of predicted and true local smoothness "
        "of A particles. "
    )
    if threshold is not None:
        text += (
            "χ₄ ratio: how much the number of particles with a propensity above "
            f"{threshold:g} σ varies between configurations, forecast over truth. 1 is right, less "
            "means forecasts too much alike, a dash that it is not defined. "
        )
    return text + "All digits are in comparison.csv."


def _table(
    rows: Sequence[Compared], origins: Sequence[str], peaks: dict[tuple[str, str], float]
) -> str:
    groups: dict[Group, list[Compared]] = {}
    for row in rows:
        groups.setdefault((row.target, row.species, row.time), []).append(row)
    bodies = []
    for (target, species, time), members in groups.items():
        title = f"{target.replace('_', ' ')} of {species} particles, t = {format_time(time)}"
        peak = peaks.get((target, species), time)
        if peak != time:
            title += f"; χ₄ at t = {format_time(peak)}, where it is largest"
        lines = [_line(row, members, origins) for row in members]
        bodies.append(
            f'<tbody><tr><th colspan="{len(_SCORES)}" scope="rowgroup">{escape(title)}</th></tr>'
            f"{''.join(lines)}{_ceiling(members)}</tbody>"
        )
    return _wide(_SCORES, "".join(bodies))


def _line(row: Compared, rivals: Sequence[Compared], origins: Sequence[str]) -> str:
    ours = [r for r in rivals if r.origin == MEASURED]

    def best(field: str, merit: Callable[[float], float] = float) -> bool:
        """Tell whether this row has the best of our values, if there are others."""
        merits = [merit(getattr(r, field)) for r in ours if math.isfinite(getattr(r, field))]
        if row.origin != MEASURED or len(merits) < 2 or not math.isfinite(max(merits)):
            return False
        return merit(getattr(row, field)) == max(merits)

    cells = [
        _cell(f"{row.pearson_mean:.3f}", row.low, row.high, best("pearson_mean")),
        _cell(f"{row.pearson_pooled:.3f}", bold=best("pearson_pooled")),
        _cell(f"{row.share:.0%}"),
        _cell(f"{row.smoothness_pearson:.3f}", bold=best("smoothness_pearson")),
        _cell(f"{row.chi4_ratio:.2f}", row.chi4_low, row.chi4_high, best("chi4_ratio", _near_one)),
    ]
    if row.origin == MEASURED:
        return f'<tr><th scope="row">{escape(row.model)}</th>{"".join(cells)}</tr>'
    name = f"{escape(row.model)} [{origins.index(row.origin) + 1}]"
    return f'<tr class="published"><th scope="row">{name}</th>{"".join(cells)}</tr>'


def _cell(text: str, low: float = math.nan, high: float = math.nan, bold: bool = False) -> str:
    if text.startswith("nan"):
        return "<td>–</td>"
    number = f"<strong>{text}</strong>" if bold else text
    digits = len(text.partition(".")[2])
    interval = f"<small>{low:.{digits}f} – {high:.{digits}f}</small>" if low == low else ""
    return f"<td>{number}{interval}</td>"


def _near_one(ratio: float) -> float:
    """Merit of a ratio: twice too much is as wrong as half."""
    return -abs(math.log(ratio)) if ratio > 0 else -math.inf


def _ceiling(rows: Sequence[Compared]) -> str:
    """Return the highest known ceiling as a row; '' if none is known."""
    known = [row.ceiling for row in rows if math.isfinite(row.ceiling)]
    if not known:
        return ""
    cells = f"<td>{max(known):.3f}</td>" + "<td></td>" * (len(_SCORES) - 2)
    return f'<tr class="ceiling"><th scope="row">noise ceiling</th>{cells}</tr>'


def _sources(origins: Sequence[str]) -> str:
    """Return the sources of the numbered rows; '' if there are none."""
    if not origins:
        return ""
    items = "".join(f"<li>{escape(o.removeprefix('published: '))}</li>" for o in origins)
    note = html.paragraph(
        "Numbered rows are published, from training and test sets of their own: context, not "
        "opponents on equal terms."
    )
    return f"{note}<ol>{items}</ol>"


def _costs(rows: Sequence[Compared]) -> str:
    """Return what each of our models took; '' if nothing was measured."""
    lines = []
    for row in {r.model: r for r in rows if r.origin == MEASURED}.values():
        numbers = [
            f"{row.parameters:.0f}",
            f"{row.fit_seconds:.3g}",
            f"{row.predict_seconds:.3g}",
            f"{row.peak_mb:.0f}",
        ]
        if all(number == "nan" for number in numbers):
            continue
        cells = "".join(map(_cell, numbers))
        lines.append(f'<tr><th scope="row">{escape(row.model)}</th>{cells}</tr>')
    if not lines:
        return ""
    return "<h3>What they cost</h3>" + _wide(_COSTS, f"<tbody>{''.join(lines)}</tbody>")


def _wide(heads: Sequence[str], body: str) -> str:
    titles = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return (
        f'<div class="wide"><table class="scores"><thead><tr>{titles}</tr></thead>{body}'
        "</table></div>"
    )
