"""Turn what ``glasscast reproduce`` wrote into the pages of the docs: pictures and claims.

glasscast reproduce --out figures
python scripts/gallery.py figures docs
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from PIL import Image

from glasscast.evaluation.table_text import escape_markdown, markdown_text
from glasscast.recipes.registry import CITATIONS, Entry, entries

#: Pixels of a figure as wide as a column, and as wide as a page.
COLUMN, PAGE = 460, 760
COLOURS = 48
_SAMPLE = "KA T = 0.64"  # the state point of the sample, among the papers' data
HEADS = {
    "geo-gnn": "Geo-GNN",
    "eignn": "EIGNN",
    "botan": "BOTAN",
    "boattini": "Averaging local structure",
}


def shrink(source: Path, target: Path) -> None:
    """Write a small picture: fewer pixels, few colours."""
    with Image.open(source) as image:
        width = PAGE if image.width > 1000 else COLUMN
        size = (width, round(image.height * width / image.width))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def read_record(folder: Path, entry: Entry) -> dict[str, Any] | None:
    """Read what was found of a figure; None where it was not drawn."""
    path = folder / entry.paper / entry.figure / "claims.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def anchor(entry: Entry) -> str:
    """Return the picture's file name, which is the anchor of the figure, too."""
    return f"{entry.paper}-{entry.figure}"


def why_not(entry: Entry) -> str:
    """Say why there is no picture."""
    wanted = ", ".join(entry.recipe.data)
    if entry.recipe.stand_in == "no" and _SAMPLE not in entry.recipe.data:
        return f"Not drawn: the sample cannot stand for {wanted}."
    return f"Not among these pictures yet: `glasscast reproduce {entry.name}` draws it."


def gallery_page(records: dict[str, dict[str, Any]]) -> str:
    """Write the page of pictures."""
    lines = [
        "# Gallery: the figures of the papers",
        "Every picture here was drawn by `glasscast reproduce` from the data that come with the "
        "library (Kob-Andersen, T = 0.64, N = 2000, 14 configurations to train on and 6 to test "
        "on) in minutes; `glasscast reproduce geo-gnn/fig7a` draws one, `glasscast reproduce "
        "--list` names all. Stars are numbers printed in a paper, crosses numbers that its "
        "authors or GlassBench gave out. They are of T = 0.44 and hundreds of configurations: "
        "small data show trends, not the published level. What agrees, what does not and why "
        "stands in [figures.md](figures.md).",
    ]
    for paper, head in HEADS.items():
        lines += [f"## {head}", f"After {CITATIONS[paper]}."]
        for entry in (e for e in entries().values() if e.paper == paper):
            lines.append(f"### {entry.name}")
            lines.append(f"{entry.recipe.title}: {entry.recipe.shows}.")
            if entry.name in records:
                lines.append(f"![{entry.recipe.title}](gallery/{anchor(entry)}.png)")
            else:
                lines.append(why_not(entry))
    return "\n\n".join(lines) + "\n"


def claims_page(records: dict[str, dict[str, Any]], others: list[dict[str, dict[str, Any]]]) -> str:
    """Write the page of claims."""
    outcomes = Counter(c["outcome"] for r in records.values() for c in r["claims"])
    told = ", ".join(f"{outcomes[k]} {k}" for k in ("seen", "not seen", "not resolved"))
    lines = [
        "# The figures of the papers: what agrees, what does not, and why",
        f"{len(entries())} names, {len(records)} of them drawn at sample scale; of "
        f"{sum(outcomes.values())} claims {told}. A claim is *seen* where the 95 % interval of "
        "the difference that it speaks of, over test configurations, lies above 0, *not seen* "
        "where it lies below, and *not resolved* where it holds 0 or the data lack what it takes. "
        "All of it is computed by `glasscast reproduce`; pictures are in [gallery.md](gallery.md).",
        "What the sample changes everywhere: T = 0.64 is a mild supercooling, so cages are weak; "
        "14 configurations teach less than 400, so scores lie below the printed ones and depth, "
        "angles and equilibrium positions count for less; six test configurations leave wide "
        "intervals. One network forecasts all times, after a few epochs.",
    ]
    for entry in entries().values():
        lines.append(f"## {entry.name}: {entry.recipe.title}")
        record = records.get(entry.name)
        if record is None:
            lines.append(why_not(entry))
            continue
        lines.append(f"Scale: {record['scale']}, from {', '.join(record['data'])}.")
        if entry.recipe.differs:
            lines.append(f"Differs: {entry.recipe.differs}.")
        if record["lacking"]:
            reasons = dict.fromkeys(r.partition(": ")[2] for r in record["lacking"])
            lines.append(f"Lacks: {'; '.join(reasons)}.")
        if record["claims"]:
            lines.append(_table(entry, record["claims"]))
        lines += [_other(found[entry.name]) for found in others if entry.name in found]
    return "\n\n".join(lines) + "\n"


def _table(entry: Entry, claims: list[dict[str, Any]]) -> str:
    rows = []
    for claim in claims:
        why = entry.recipe.reasons.get(claim["number"], "")
        by = claim["evidence"] + (f". {why}" if why and claim["outcome"] != "seen" else "")
        rows.append(
            (
                f"({claim['number']})",
                escape_markdown(claim["claim"]),
                f"**{claim['outcome']}**",
                escape_markdown(by),
            )
        )
    return markdown_text(("", "claim", "here", "by, and why"), rows).rstrip("\n")


def _other(record: dict[str, Any]) -> str:
    """Say what became of the claims with other data."""
    told = "; ".join(f"({c['number']}) {c['outcome']}: {c['evidence']}" for c in record["claims"])
    return f"From other data, {', '.join(record['data'])}: {told or 'drawn'}."


def read_records(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what was found of all figures in a folder."""
    found = {entry.name: read_record(folder, entry) for entry in entries().values()}
    return {name: record for name, record in found.items() if record is not None}


def main(folder: Path, docs: Path, *others: Path) -> None:
    """Write ``gallery/``, ``gallery.md`` and ``figures.md``."""
    records = read_records(folder)
    for name in records:
        entry = entries()[name]
        source = folder / entry.paper / entry.figure / "figure.png"
        shrink(source, docs / "gallery" / f"{anchor(entry)}.png")
    (docs / "gallery.md").write_text(gallery_page(records), encoding="utf-8")
    (docs / "figures.md").write_text(
        claims_page(records, [read_records(other) for other in others]), encoding="utf-8"
    )
    total = sum(path.stat().st_size for path in (docs / "gallery").glob("*.png"))
    print(f"{len(records)} figures, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
