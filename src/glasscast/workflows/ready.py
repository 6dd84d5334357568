"""Ready models in a few words each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glasscast.models.files import read_record, ready_models, state_points
from glasscast.models.registry import reads


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def overview(folder: Path | None = None) -> list[dict[str, str]]:
    """Every ready model in a few words: heading -> text, the same headings for all.

    The score is the Pearson correlation per configuration on the test data, from the lowest to
    the highest of the times, for the first species.

    Raises
    ------
    InputError : if the record of a model cannot be used.
    """
    return [_summary(name, path) for name, path in ready_models(folder).items()]


def _summary(name: str, folder: Path) -> dict[str, str]:
    record = read_record(folder)
    return {
        "name": name,
        "valid for": "\n".join(map(str, state_points(record))) or "not known",
        "times": ", ".join(f"{t:g}" for t in record["times"]),
        "model": f"{record['model']}, reads {reads(record)}, {size_of(folder) / 1e6:.2f} MB",
        "score": _headline(record),
    }


def _headline(record: dict[str, Any]) -> str:
    scores = record.get("card", {}).get("scores", ())
    first = [s for s in scores if all(s[k] == scores[0][k] for k in ("dataset", "species"))]
    values = sorted(s["value"] for s in first if s["value"] is not None)
    if not values:
        return "not known"
    ends = dict.fromkeys(f"{v:.2f}" for v in (values[0], values[-1]))
    return f"{first[0]['species']}: {' to '.join(ends)}"
