"""Model cards: what a model was trained on, how well it did, and where it is not to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.times import listed
from glasscast.evaluation.table_text import escape_markdown, markdown_text
from glasscast.liquid.interactions import species_name
from glasscast.models.files import state_points
from glasscast.models.registry import reads, settings_class

_FEW = 10  # configurations below which bootstrap intervals are too narrow; see docs/scores.md


def card_text(name: str, record: Mapping[str, Any]) -> str:
    """Write the card of a ready model as Markdown.

    Parameters
    ----------
    name : of the model.
    record : what :func:`glasscast.workflows.export.export` writes to ``model.json``.
    """
    record, card = dict(record), record["card"]
    points = state_points(record)
    paragraphs = [
        f"# {name}",
        _purpose(record, points),
        _facts(record, points),
        "## Use",
        _use(name, record),
        "## Data",
        markdown_text(("use", "data", "configurations"), _data(card["data"])),
        "## Scores",
        "Pearson correlation of forecast and measurement over the particles of a configuration, "
        "mean over configurations with 95 % bootstrap interval, beside the noise ceiling: what a "
        "forecast of the exact mean would reach.",
        markdown_text(
            ("tested on", "species", "t", "score", "interval", "noise ceiling", "configurations"),
            map(_score, card["scores"]),
        ),
        *_uncertainty(record),
        "## Limits",
        "\n".join(f"- {limit}" for limit in _limits(record, points)),
        "## Settings",
        "```yaml\n"
        + yaml.safe_dump(
            {"model": record["hyperparameters"], "seed": card["seed"]}, sort_keys=False
        )
        + "```",
        "## Made with",
        ", ".join(f"{package} {version}" for package, version in card["versions"].items())
        + f"; the training took {card['fit_seconds']:.0f} s.",
    ]
    return "\n\n".join(paragraph.strip() for paragraph in paragraphs) + "\n"


def _purpose(record: Mapping[str, Any], points: Sequence[StatePoint]) -> str:
    target = str(record["hyperparameters"]["target"]).replace("_", " ")
    where = "; ".join(map(str, points))
    return f"Forecasts the {target} of every particle. Valid for: {where}."


def _facts(record: Mapping[str, Any], points: Sequence[StatePoint]) -> str:
    about = (settings_class(record["model"]).__doc__ or "").strip().splitlines()[0]
    rows = [
        ("model", f"`{record['model']}`: {escape_markdown(about)}"),
        *(("state point", escape_markdown(str(point))) for point in points),
        ("dimension", str(record["dimension"])),
        ("species", ", ".join(record["species"])),
        ("times", listed(record["stages"]["values"])),
        ("reads", reads(record)),
        ("parameters", str(record["parameters"])),
    ]
    return markdown_text(("", ""), rows)


def _use(name: str, record: Mapping[str, Any]) -> str:
    text = (
        f"```sh\nglasscast predict SNAPSHOT --model {name}  # where it comes with the package\n"
        "glasscast predict SNAPSHOT --model .  # in the folder of this card\n```"
    )
    settings = settings_class(record["model"]).from_record(record["hyperparameters"])
    if settings.extras:
        extras = ",".join(settings.extras)
        text += f"\n\nThe forecast of a bare snapshot needs `pip install 'glasscast[{extras}]'`."
    if settings.equilibrium_positions:
        text += (
            " Equilibrium positions are found where a snapshot carries none, in the way above; "
            "liquid and temperature are those above where neither the file nor an option tells."
        )
    return text


def _data(uses: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    rows = []
    for use, what in uses.items():
        split = f", split {what['split']}" if what["split"] else ""
        rows.append(
            (
                use.replace("_", " "),
                escape_markdown(what["data"] + split),
                str(what["configurations"]),
            )
        )
    return rows


def _score(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = (_number(row[key]) for key in ("low", "high"))
    return (
        escape_markdown(row["dataset"]),
        row["species"],
        f"{row['time']:g}",
        _number(row["value"]),
        "–" if row["low"] is None else f"{low} to {high}",
        _number(row["ceiling"]),
        str(row["n_configurations"]),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _uncertainty(record: Mapping[str, Any]) -> list[str]:
    """Say how sure forecasts are, and how far that is true; nothing where it is not known."""
    told = record.get("uncertainty")
    if told is None:
        return []
    text = (
        "Each forecast comes with a standard deviation, of what is measured about it: the noise of "
        f"the labels is part of it. It was learned from {len(told['on'])} configurations that were "
        "not trained on."
    )
    if not told["coverage"]:
        return ["## Uncertainty", f"{text} They are too few to say how true it is."]
    text += (
        " The table was made from configurations left out of that in turn: the share of errors "
        "within 1 and 1.96 standard deviations in each fifth of the particles, the surest first "
        "(68 and 95 % would be right), the rank correlation of standard deviation and error, in "
        "brackets what it would be of normal errors with just these standard deviations, and the "
        "share of the squared error that is noise of the labels: an exact mean over trajectories "
        "lies closer."
    )
    heads = (
        "species",
        "t",
        "within 1 sd (%)",
        "within 1.96 sd (%)",
        "mean sd",
        "rank correlation",
        "noise (%)",
    )
    return ["## Uncertainty", text, markdown_text(heads, map(_covered, told["coverage"]))]


def _covered(row: Mapping[str, Any]) -> tuple[str, ...]:
    shares = (" ".join(_percent(x) for x in row[key]) for key in ("within_68", "within_95"))
    sizes = [x for x in row["deviation"] if x is not None]
    widths = f"{min(sizes):.3g} to {max(sizes):.3g}" if sizes else "–"
    rank, expected = (_rank(row.get(key)) for key in ("rank_correlation", "rank_expected"))
    return (
        row["species"],
        f"{row['time']:g}",
        *shares,
        widths,
        f"{rank} ({expected})",
        _percent(row.get("noise_share")),
    )


def _rank(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f}"


def _limits(record: Mapping[str, Any], points: Sequence[StatePoint]) -> list[str]:
    card = record["card"]
    limits = [
        "It holds for the state point"
        + ("s" if len(points) > 1 else "")
        + " above. Any other liquid, temperature, density or mixture is an extrapolation without "
        "a measured score; `glasscast predict` warns of it"
        + (
            ", and of energies, pressures, stresses or surroundings unlike those of the training."
            if "limits" in record
            else "."
        ),
        "A forecast is a mean over many trajectories from one snapshot, at the times above and no "
        "others; it is no trajectory.",
    ]
    few = min(row["n_configurations"] for row in card["scores"])
    if few < _FEW:
        limits.append(f"With {few} test configurations the intervals are too narrow.")
    known = {row["species"] for row in card["scores"]}
    left_out = [name for s, name in enumerate(record["species"]) if species_name(s) not in known]
    if left_out:
        limits.append(f"It has no score for species {', '.join(left_out)}.")
    limits.append("Weights are kept in single precision.")
    return [*limits, *card["notes"]]
