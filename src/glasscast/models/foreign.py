"""Files of weights that others wrote; nothing in them is executed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from glasscast.datasets.files import read_npz
from glasscast.errors import InputError


def read_foreign(path: Path) -> Mapping[str, Any]:
    """Content of an ``.npz`` file, or of a file of torch that holds tensors and plain values only.

    Raises
    ------
    InputError : if the file is absent, damaged, or holds Python objects.
    """
    if path.suffix == ".npz":
        return read_npz(path)
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(path, "does not exist") from None
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(path, f"is not a file of weights ({error!r:.200})") from None
    if not isinstance(raw, Mapping):
        raise InputError(path, f"holds a {type(raw).__name__}, not named weights")
    return raw
