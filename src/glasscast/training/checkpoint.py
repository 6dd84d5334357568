"""The state of an unfinished fit: written whole or not at all, taken up bit for bit."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from glasscast.datasets.files import write_atomically
from glasscast.errors import InputError, ModelError

FORMAT_VERSION = 1


def write_checkpoint(path: Path, identity: dict[str, Any], state: dict[str, Any]) -> None:
    """Write tensors and plain values.

    Parameters
    ----------
    identity : JSON values that tell this fit from others.
    state : tensors, numbers, text, and lists and dicts of them.
    """
    buffer = io.BytesIO()
    content = {"version": FORMAT_VERSION, "identity": json.dumps(identity), "state": state}
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


def read_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Read the state of this very fit; None if there is no file.

    Raises
    ------
    InputError : if the file is not a checkpoint or is damaged. Nothing in it is executed.
    ModelError : if it belongs to another model, species set, data, seed or setting.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        version, known = content["version"], json.loads(content["identity"])
        state: dict[str, Any] = content["state"]
    except (
        RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, KeyError, TypeError,
        ValueError, OSError,
    ) as error:  # fmt: skip
        raise InputError(
            path, f"is not a readable checkpoint ({error!r:.200})", "delete it to start anew"
        ) from None
    if version != FORMAT_VERSION:
        raise InputError(path, f"has checkpoint version {version}, not {FORMAT_VERSION}")
    for key, wanted in json.loads(json.dumps(identity)).items():
        if known.get(key) != wanted:
            raise ModelError(
                f"{path} is the checkpoint of another fit: its {key} is "
                f"{_short(known.get(key))}, this fit has {_short(wanted)}; delete it to start "
                "anew, or choose another file"
            )
    return state


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
