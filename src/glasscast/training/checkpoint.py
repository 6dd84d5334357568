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
from glasscast.datasets.identity import Identity
from glasscast.errors import InputError
from glasscast.progress import log

FORMAT_VERSION = 2


def write_checkpoint(path: Path, identity: Identity, state: dict[str, Any]) -> None:
    """Write tensors and plain values.

    Parameters
    ----------
    identity : what the fit depends on.
    state : tensors, numbers, text, and lists and dicts of them.
    """
    buffer = io.BytesIO()
    text = json.dumps(identity.to_json())
    torch.save({"version": FORMAT_VERSION, "identity": text, "state": state}, buffer)
    write_atomically(path, buffer.getvalue())


def read_checkpoint(path: Path, identity: Identity) -> dict[str, Any] | None:
    """Read the state of this very fit; None if there is none.

    The state of a fit from which this one differs is not taken up; the log says what differs.

    Raises
    ------
    InputError : if the file is not a checkpoint or is damaged. Nothing in it is executed.
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
    change = identity.change_since(known if version == FORMAT_VERSION else None)
    if change:
        log.warning("%s is of another fit, which starts anew: %s", path, change)
        return None
    return state
