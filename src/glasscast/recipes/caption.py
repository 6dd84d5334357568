"""The words below a figure: data, settings, ceiling, what differs, and the claims."""

from __future__ import annotations

from collections.abc import Sequence

from glasscast.evaluation.table_text import csv_text, escape_markdown, markdown_text
from glasscast.recipes.material import Material, Point
from glasscast.recipes.registry import CITATIONS, paper_data
from glasscast.recipes.sheet import Sheet, Verdict

#: Name, title, verdicts, and what was lacking of one figure.
Row = tuple[str, str, Sequence[Verdict], Sequence[str]]


def caption_of(sheet: Sheet, material: Material, title: str) -> str:
    """Write the page of one figure, in Markdown."""
    entry = sheet.entry
    recipe = entry.recipe
    paragraphs = [
        f"# {entry.name}: {title}",
        f"After {CITATIONS[entry.paper]}. {recipe.shows[:1].upper()}{recipe.shows[1:]}.",
        f"**Data.** {' '.join(_data_words(point) for point in material.points)}",
    ]
    if recipe.trainings:
        used = ", ".join(recipe.trainings)
        paragraphs.append(f"**Models.** {used}; settings of the {material.scale} scale.")
    for head, text in (
        ("Settings of the paper", recipe.settings),
        ("Noise ceiling", sheet.ceiling),
        ("Laid over ours", recipe.printed),
        ("What differs", _stand_in_words(sheet, material)),
        ("Open in the text", recipe.doubts),
        ("Remarks", " ".join(sheet.remarks)),
    ):
        if text:
            paragraphs.append(f"**{head}.** {_sentence(text)}")
    if sheet.absent:
        gaps: dict[str, list[str]] = {}
        for (panel, series), why in sheet.absent.items():
            gaps.setdefault(why, []).append(f"{panel}: {series}")
        told = "; ".join(f"{', '.join(what)} ({why})" for why, what in gaps.items())
        paragraphs.append(f"**Not in these data.** {told}.")
    if sheet.verdicts:
        paragraphs.append(claims_table(list(sheet.verdicts.values())))
        unseen = [v.number for v in sheet.verdicts.values() if v.outcome != "seen"]
        reasons = recipe.reasons.get("sample", {}) if material.point.is_sample else {}
        known = [f"({k}) {reasons[k]}" for k in sorted(unseen) if k in reasons]
        if known:
            paragraphs.append(f"**Why.** {' '.join(map(_sentence, known))}")
    return "\n\n".join(paragraphs) + "\n"


def _data_words(point: Point) -> str:
    liquid = point.liquid or "a liquid that is not named"
    first = point.test[0]
    return (
        f"{liquid}, {point.name}, N = {first.size}: {len(point.train)} configurations to train "
        f"on, {len(point.test)} to test on."
    )


def _stand_in_words(sheet: Sheet, material: Material) -> str:
    wanted = "; ".join(paper_data()[key].words for key in sheet.entry.recipe.data)
    texts = [f"Drawn in the paper from: {wanted}"]
    if material.point.stands_for:
        texts.append(f"{material.point.name} stands for the first of these at equal stage")
        texts.append("small data show trends, not the published level")
    if sheet.entry.recipe.differs:
        texts.append(sheet.entry.recipe.differs)
    return " ".join(map(_sentence, texts))


def _sentence(text: str) -> str:
    text = text.strip()
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def claims_table(verdicts: Sequence[Verdict]) -> str:
    """Table of claims and what became of them."""
    return markdown_text(
        ("", "claim", "here", "by"),
        (
            (
                f"({v.number})",
                escape_markdown(v.claim),
                f"**{v.outcome}**",
                escape_markdown(v.evidence),
            )
            for v in sorted(verdicts, key=lambda v: v.number)
        ),
    ).rstrip("\n")


def overview_of(rows: Sequence[Row]) -> dict[str, str]:
    """Write all claims as a table of numbers and as a page: file name -> content."""
    claims = [
        {"name": n, "claim": v.number, "text": v.claim, "outcome": v.outcome, "by": v.evidence}
        for n, _, verdicts, _ in rows
        for v in verdicts
    ]
    counts = {
        outcome: sum(c["outcome"] == outcome for c in claims)
        for outcome in ("seen", "not seen", "not resolved")
    }
    lines = [
        "# Figures",
        f"{len(rows)} names; of {len(claims)} claims "
        + ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        + ".",
    ]
    for name, title, verdicts, lacking in rows:
        lines.append(f"## {name}: {title}")
        if lacking:
            lines.append("Lacking: " + "; ".join(lacking) + ".")
        if verdicts:
            lines.append(claims_table(verdicts))
    columns = ("name", "claim", "text", "outcome", "by")
    return {"index.md": "\n\n".join(lines) + "\n", "claims.csv": csv_text(columns, claims)}
