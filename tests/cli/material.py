"""Files that the tests of the command line feed to the program."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import yaml

from tests.conftest import random_liquid

#: Descriptors that are quick and see 3.1 sigma only.
LR = {"name": "lr", "order": 0, "descriptors": "angular", "penalties": [1.0, 100.0], "folds": 2}


def experiment(path: Path, dataset: Path, **changes) -> Path:
    """Write a training experiment."""
    record = {"train": {"datasets": [str(dataset)], "split": "train"}, "model": LR} | changes
    path.write_text(yaml.safe_dump(record))
    return path


def botan_arrays(seed: int = 0, size: int = 120, runs: int = 4) -> dict[str, np.ndarray]:
    """Return what a BOTAN file holds."""
    rng = np.random.default_rng(seed)
    positions, types, _ = random_liquid(rng, size)
    moved = positions + 0.1 * rng.normal(size=(runs, size, 3))
    return {"types": types, "initial_positions": positions, "positions": moved}


def botan_folder(
    folder: Path, configurations: int = 2, tags: int = 2, temperature: float = 0.44, **shape
) -> Path:
    """Write BOTAN files, one a configuration and time."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, configurations + 1):
        arrays = botan_arrays(number, **shape)
        start = arrays["initial_positions"]
        for tag in range(1, tags + 1):
            moved = start + tag * (arrays["positions"] - start)
            name = f"isoconfig_N{len(start)}T{temperature:.2f}_{number}_tc{tag:02d}.npz"
            np.savez(folder / name, **{**arrays, "positions": moved})
    return folder


def snapshot(path: Path, size: int = 400, **changes) -> Path:
    """Write a bare snapshot as npz; None drops a key."""
    positions, types, box = random_liquid(np.random.default_rng(3), size)
    arrays = {"positions": positions, "types": types, "box": box} | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


class Touch:
    """Pickles to a call that would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def trap(path: Path, created: Path) -> Path:
    """Write a pickle that would run code."""
    path.write_bytes(pickle.dumps({"positions": Touch(created)}))
    return path


def contents(folder: Path, pattern: str = "*") -> dict[str, str]:
    """Hash every file below a folder, hidden ones too, but for whose it is and its lock."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob(pattern))
        if path.is_file() and not path.name.startswith(".glasscast.")
    }
