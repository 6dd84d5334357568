"""Files of weights that others wrote; nothing in them is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from glasscast.datasets.files import read_npz
from glasscast.errors import InputError
from glasscast.models.tensor_bundle import read_bundle


def read_foreign(path: Path) -> Mapping[str, Any]:
    """Content of an ``.npz`` file, of a TensorFlow checkpoint (its ``.index``), or of a torch file.

    Of the latter tensors and plain values are read, nothing else. Variables of a checkpoint are
    named as in an npz, whose names cannot have the ``/`` that separates their parts: by ``|``.

    Raises
    ------
    InputError : if the file is absent, damaged, or holds Python objects.
    """
    if path.suffix == ".npz":
        return read_npz(path)
    if path.suffix == ".index":
        return {name.replace("/", "|"): array for name, array in read_bundle(path).items()}
    try:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(path, "does not exist") from None
    except Exception as error:  # a broken pickle may raise almost anything, says its manual
        raise InputError(path, f"is not a file of weights ({error!r:.200})") from None
    if not isinstance(raw, Mapping):
        raise InputError(path, f"holds a {type(raw).__name__}, not named weights")
    return raw
