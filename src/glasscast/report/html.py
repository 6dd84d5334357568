"""HTML from data: every text is escaped here, once, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from glasscast.evaluation.score_table import Score, ScoreTable
from glasscast.evaluation.smoothness_scores import SmoothnessScore
from glasscast.report.figures import Illustration
from glasscast.report.page_style import CSS
from glasscast.report.style import format_time


def page(title: str, headline: str, parts: Sequence[str], scripts: Sequence[str] = ()) -> str:
    """Return a whole page of HTML parts; only these scripts can run in it, nothing is fetched."""
    allowed = " ".join(script_hash(source) for source in scripts) or "'none'"
    policy = (
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; font-src data:; "
        f"script-src {allowed}; base-uri 'none'; form-action 'none'"
    )
    lead = f'<p class="headline">{escape(headline)}</p>' if headline else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{CSS}</style></head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>{lead}</header>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n"
        + "\n".join(script(source) for source in scripts)
        + "\n</body></html>\n"
    )


def paragraph(text: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{escape(text)}</p>"


def bullets(items: Iterable[str]) -> str:
    """Return a list of plain texts."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def section(title: str, *parts: str) -> str:
    """Return a section of HTML parts, or nothing where all parts are empty."""
    if not any(parts):
        return ""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def facts(pairs: Mapping[str, Any]) -> str:
    """Return names and values as a two-column table."""
    rows = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{escape(plain(value))}</td></tr>'
        for name, value in pairs.items()
    )
    return f'<table class="facts"><tbody>{rows}</tbody></table>' if rows else ""


def plain(value: Any) -> str:
    """Write a setting for reading: nested values on one line, floats without noise."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(v) for v in value)
    return str(value)


def figure(illustration: Illustration) -> str:
    """Return a figure with its image inside the page."""
    image = base64.b64encode(illustration.figure.image).decode()
    title = escape(illustration.title)
    # Text in figures as large as the page's: small figures must not be blown up.
    width = round(illustration.figure.width * 115)
    return (
        f'<figure><img style="max-width:{width}px" alt="{title}" '
        f'src="data:image/png;base64,{image}">'
        f"<figcaption><strong>{title}.</strong> {escape(illustration.caption)}</figcaption>"
        "</figure>"
    )


def script(source: str) -> str:
    """Return an inline script; :func:`script_hash` allows it in the page's security policy."""
    return f"<script>{source}</script>"


def script_hash(source: str) -> str:
    """Return the source expression that allows exactly this inline script to run."""
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def score_table(scores: ScoreTable) -> str:
    """Return one metric of one dataset and target: a row a model, a column a time.

    Each cell has the score (best in bold), its interval, and its share of the ceiling.
    """
    times = sorted(scores.values_of("time"))
    head = "".join(f'<th scope="col">t = {format_time(t)}</th>' for t in times)
    bodies = []
    for species in scores.values_of("species"):
        rows = scores.select(species=species)
        lines = [_model_line(rows, model, times) for model in rows.values_of("model")]
        lines.append(_ceiling_line(rows, times))
        title = f'<th colspan="{len(times) + 1}" scope="rowgroup">{escape(species)} particles</th>'
        bodies.append(f"<tbody><tr>{title}</tr>{''.join(lines)}</tbody>")
    return (
        f'<div class="wide"><table class="scores"><thead><tr><th scope="col">model</th>{head}</tr>'
        f"</thead>{''.join(bodies)}</table></div>"
    )


def _model_line(rows: ScoreTable, model: str, times: Sequence[float]) -> str:
    cells = []
    for time in times:
        at_time = rows.select(time=time)
        found = at_time.select(model=model).rows
        cells.append(_cell(found[0], at_time) if found else "<td>–</td>")
    return f'<tr><th scope="row">{escape(model)}</th>{"".join(cells)}</tr>'


def _cell(row: Score, rivals: ScoreTable) -> str:
    if not math.isfinite(row.value):
        return '<td title="the score is not defined">–</td>'
    values = [r.value for r in rivals if math.isfinite(r.value)]
    best = min(values) if row.metric == "rmse" else max(values)
    number = f"{row.value:.3f}"
    if len(values) > 1 and row.value == best:
        number = f"<strong>{number}</strong>"
    small = []
    if math.isfinite(row.low):
        small.append(f"{row.low:.3f} – {row.high:.3f}")
    if math.isfinite(row.share):
        small.append(f"{row.share:.0%} of ceiling")
    return f"<td>{number}" + "".join(f"<small>{text}</small>" for text in small) + "</td>"


def _ceiling_line(rows: ScoreTable, times: Sequence[float]) -> str:
    """Return the ceilings, see :meth:`ScoreTable.ceilings`; '' if none is known."""
    best = rows.ceilings()
    if not best:
        return ""
    name = "noise floor" if rows.rows[0].metric == "rmse" else "noise ceiling"
    cells = "".join(f"<td>{f'{best[t]:.3f}' if t in best else '–'}</td>" for t in times)
    return f'<tr class="ceiling"><th scope="row">{name}</th>{cells}</tr>'


def smoothness_table(scores: Sequence[SmoothnessScore]) -> str:
    """Return a row a model, a column a time: local correlation, then Rayleigh quotients."""
    if not scores:
        return ""
    times = sorted({row.time for row in scores})
    head = "".join(f'<th scope="col">t = {format_time(t)}</th>' for t in times)
    lines = []
    for model in dict.fromkeys(row.model for row in scores):
        found = {row.time: row for row in scores if row.model == model}
        cells = "".join(_smooth_cell(found.get(time)) for time in times)
        lines.append(f'<tr><th scope="row">{escape(model)}</th>{cells}</tr>')
    note = paragraph(
        "A particles on the graph of cutoff 2. Large: correlation of predicted and true local "
        "smoothness, mean over configurations. Small: Rayleigh quotient, predicted (true)."
    )
    return (
        f'{note}<div class="wide"><table class="scores"><thead><tr><th scope="col">model</th>'
        f"{head}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _smooth_cell(row: SmoothnessScore | None) -> str:
    if row is None:
        return "<td>–</td>"
    local = f"{row.local_pearson:.3f}" if math.isfinite(row.local_pearson) else "–"
    quotients = f"{row.rayleigh_predicted:.3f} ({row.rayleigh_true:.3f})"
    return f"<td>{local}<small>{quotients}</small></td>"
