"""Ready models: trained models that come with the package, called by name instead of a folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from glasscast.datasets.state_points import StatePoint
from glasscast.errors import InputError
from glasscast.models.files import RECORD, read_record
from glasscast.models.registry import hyperparameter_class
from glasscast.workflows.train import MODEL

CARD = "card.md"


def ready_folder() -> Path:
    """Folder of the ready models of this installation; absent while there are none."""
    return Path(str(files("glasscast.models"))) / "ready"


def ready_models(folder: Path | None = None) -> dict[str, Path]:
    """Folders of the ready models, by name.

    Parameters
    ----------
    folder : that holds them, a folder each; by default that of the installation.
    """
    folder = folder or ready_folder()
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{RECORD}"))}


def model_folder(model: Path | str, folder: Path | None = None) -> Path:
    """Return the folder of a model, given it, the run folder around it, or a ready model's name.

    What exists on disk wins: NAME is a ready model only where there is no file or folder NAME,
    and ``./NAME`` never is one.

    Parameters
    ----------
    folder : of the ready models, as in :func:`ready_models`.

    Raises
    ------
    InputError : if a bare name is neither there nor a ready model; lists these.
    """
    path = Path(model)
    if path.exists() or str(model) != path.name:
        return inner_folder(path)
    ready = ready_models(folder)
    if str(model) not in ready:
        raise unknown_name(path, folder)
    return ready[str(model)]


def inner_folder(path: Path) -> Path:
    """Return the folder of the model in a run folder; any other path as it is."""
    return path / MODEL if (path / MODEL).is_dir() else path


def unknown_name(path: Path, folder: Path | None = None) -> InputError:
    """Error for a name that stands for nothing."""
    listed = ", ".join(ready_models(folder)) or "none in this installation"
    return InputError(path, "is neither a file or folder nor a ready model", f"ready: {listed}")


def state_points(record: dict[str, Any]) -> list[StatePoint]:
    """State points in a model's record; none in records of old.

    Raises
    ------
    InputError : if they are garbled.
    """
    try:
        return [StatePoint.from_record(point) for point in record.get("state_points", ())]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(RECORD, f"garbles the key 'state_points' ({error!r})") from None


def reads(record: dict[str, Any]) -> str:
    """Say what a model reads of a snapshot: positions, and equilibrium positions if it does."""
    settings = hyperparameter_class(record["model"])(**record["hyperparameters"])
    return " + ".join(("positions", *settings.equilibrium))


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
