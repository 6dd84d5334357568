"""Turn what ``glasscast reproduce`` wrote into the pages of the docs: pictures and claims.

glasscast reproduce --out figures
glasscast reproduce --data TEN --out figures-T0.44
python scripts/gallery.py figures figures-T0.44 docs

``TEN`` is a data set of the ten public configurations at T = 0.44.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from glasscast.evaluation.table_text import escape_markdown, markdown_text
from glasscast.recipes.recipe import ReasonsOf
from glasscast.recipes.registry import CITATIONS, Entry, entries

#: Pixels of a figure as wide as a column, and as wide as a page.
COLUMN, PAGE = 460, 760
#: Share of these that pictures of the second set have.
SMALLER = 0.75
COLOURS = 48
HEADS = {
    "geo-gnn": "Geo-GNN",
    "eignn": "EIGNN",
    "botan": "BOTAN",
    "boattini": "Averaging local structure",
}
SAMPLE: ReasonsOf = "sample"
TEN: ReasonsOf = "ten at T = 0.44"
#: Words for the two sets of data.
WORDS: Mapping[ReasonsOf, str] = {
    SAMPLE: "the sample: Kob-Andersen, T = 0.64, N = 2000, 14 configurations to train on and 6 to "
    "test on",
    TEN: "ten public configurations: Kob-Andersen, T = 0.44, N = 4096, t = 0.13, 1.3, 13, 130 and "
    "4120, which is the relaxation time; 6 to train on and 4 to test on",
}
_SAMPLE_POINT = "KA T = 0.64"  # the state point of the sample, among the papers' data
Record = dict[str, Any]
Records = dict[str, Record]


def shrink(source: Path, target: Path, share: float) -> None:
    """Write a small picture: fewer pixels, few colours."""
    with Image.open(source) as image:
        width = round(share * (PAGE if image.width > 1000 else COLUMN))
        size = (width, round(image.height * width / image.width))
        small = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


def read_records(folder: Path) -> Records:
    """Read what was found of all figures that were drawn in a folder."""
    found = {}
    for entry in entries().values():
        path = folder / entry.paper / entry.figure / "claims.json"
        if path.exists():
            found[entry.name] = dict(json.loads(path.read_text(encoding="utf-8")))
    return found


def picture(entry: Entry, of: ReasonsOf) -> str:
    """Return the file of a picture, below the docs."""
    return f"gallery/{'' if of == SAMPLE else 'T0.44-'}{entry.paper}-{entry.figure}.png"


def why_not(entry: Entry) -> str:
    """Say why the sample gives no picture."""
    if entry.recipe.stand_in == "no" and _SAMPLE_POINT not in entry.recipe.data:
        return f"Not drawn: the sample cannot stand for {', '.join(entry.recipe.data)}."
    return f"Not among these pictures: `glasscast reproduce {entry.name}` draws it."


def gallery_page(records: Mapping[ReasonsOf, Records]) -> str:
    """Write the page of pictures."""
    lines = [
        "# Gallery: the figures of the papers",
        f"Every picture was drawn by `glasscast reproduce`: first from {WORDS[SAMPLE]}, where not "
        f"told otherwise; {len(records[TEN])} of them again from {WORDS[TEN]}. `glasscast "
        "reproduce geo-gnn/fig7a` draws one in minutes, `glasscast reproduce --list` names all. "
        "Stars are numbers printed in a paper, crosses numbers that its authors or GlassBench "
        "gave out. They are of T = 0.44 and hundreds of configurations: small data show trends, "
        "not the published level. What agrees, what does not and why stands in "
        "[figures.md](figures.md).",
    ]
    for paper, head in HEADS.items():
        lines += [f"## {head}", f"After {CITATIONS[paper]}."]
        for entry in (e for e in entries().values() if e.paper == paper):
            lines.append(f"### {entry.name}")
            lines.append(f"{entry.recipe.title}: {entry.recipe.shows}.")
            if entry.name in records[SAMPLE]:
                lines.append(f"![{entry.recipe.title}]({picture(entry, SAMPLE)})")
            else:
                lines.append(why_not(entry))
            if entry.name in records[TEN]:
                lines.append("From the ten configurations at T = 0.44:")
                lines.append(f"![{entry.recipe.title}, T = 0.44]({picture(entry, TEN)})")
    return "\n\n".join(lines) + "\n"


def claims_page(records: Mapping[ReasonsOf, Records]) -> str:
    """Write the page of claims."""
    lines = [
        "# The figures of the papers: what agrees, what does not, and why",
        f"{len(entries())} names. " + " ".join(_counts(of, found) for of, found in records.items()),
        "A claim is *seen* where the 95 % interval of the difference that it speaks of, over "
        "configurations, lies above 0, *not seen* where it lies below, and *not resolved* where it "
        "holds 0 or the data lack what it takes. Claims on the truth alone are judged over all "
        "configurations, those on forecasts over the ones tested on. All of it is computed by "
        "`glasscast reproduce`; pictures are in [gallery.md](gallery.md).",
        "What the sample changes everywhere: T = 0.64 is a mild supercooling, so cages are weak; "
        "14 configurations teach less than 400, so scores lie below the printed ones and depth, "
        "angles and equilibrium positions count for less; six test configurations leave wide "
        "intervals. One network forecasts all times, after a few epochs.",
        "What the ten configurations change: the papers' temperature and size, cages and all, but "
        "five times, none beyond the relaxation time, and 6 configurations to learn from.",
        _unseen(records),
    ]
    for entry in entries().values():
        lines.append(f"## {entry.name}: {entry.recipe.title}")
        if entry.recipe.differs:
            lines.append(f"Differs: {entry.recipe.differs}.")
        for of, found in records.items():
            record = found.get(entry.name)
            if record is not None:
                lines += _section(entry, of, record)
            elif of == SAMPLE:
                lines.append(why_not(entry))
    return "\n\n".join(lines) + "\n"


def _counts(of: ReasonsOf, records: Records) -> str:
    outcomes = Counter(c["outcome"] for r in records.values() for c in r["claims"])
    told = ", ".join(f"{outcomes[k]} {k}" for k in ("seen", "not seen", "not resolved"))
    return (
        f"{len(records)} are drawn from {WORDS[of]}; of {sum(outcomes.values())} claims on them "
        f"{told}."
    )


def _unseen(records: Mapping[ReasonsOf, Records]) -> str:
    """Name the claims that are not seen, for those who read no further."""
    told = []
    for of, found in records.items():
        names = [
            f"{name} ({claim['number']})"
            for name, record in found.items()
            for claim in record["claims"]
            if claim["outcome"] == "not seen"
        ]
        told.append(f"Not seen ({of}): {', '.join(names) or 'none'}.")
    return " ".join(told)


def _section(entry: Entry, of: ReasonsOf, record: Record) -> list[str]:
    lines = [f"From {', '.join(record['data'])}, {record['scale']} scale."]
    if record["lacking"]:
        reasons = dict.fromkeys(r.partition(": ")[2] for r in record["lacking"])
        lines[0] += f" Lacks: {'; '.join(reasons)}."
    if record["claims"]:
        lines.append(_table(entry.recipe.reasons.get(of, {}), record["claims"]))
    return lines


def _table(reasons: Mapping[int, str], claims: list[Record]) -> str:
    rows = []
    for claim in claims:
        why = reasons.get(claim["number"], "")
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


def main(sample: Path, ten: Path, docs: Path) -> None:
    """Write ``gallery/``, ``gallery.md`` and ``figures.md``."""
    folders: dict[ReasonsOf, Path] = {SAMPLE: sample, TEN: ten}
    records = {of: read_records(folder) for of, folder in folders.items()}
    for old in (docs / "gallery").glob("*.png"):
        old.unlink()
    for of, folder in folders.items():
        for name in records[of]:
            entry = entries()[name]
            source = folder / entry.paper / entry.figure / "figure.png"
            shrink(source, docs / picture(entry, of), 1.0 if of == SAMPLE else SMALLER)
    (docs / "gallery.md").write_text(gallery_page(records), encoding="utf-8")
    (docs / "figures.md").write_text(claims_page(records), encoding="utf-8")
    total = sum(path.stat().st_size for path in (docs / "gallery").glob("*.png"))
    print(f"{', '.join(str(len(r)) for r in records.values())} figures, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
