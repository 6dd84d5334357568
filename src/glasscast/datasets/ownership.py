"""Whose a folder is: a command writes only where nothing lies, or what it made for the same work.

A hidden file names the command and its work. It is written before the work, so a folder that
cannot be written is refused before it as well.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from glasscast.datasets.files import write_json
from glasscast.datasets.locks import locked
from glasscast.errors import InputError, SettingsError
from glasscast.inputs import read_json

OWNER = ".glasscast.json"
_OURS = ".glasscast."  # the names of ownership and locks begin so


@contextmanager
def owned(
    folder: Path,
    command: str,
    work: Mapping[str, Any],
    recognised: Callable[[Path], bool] = lambda folder: False,
    share: str = "",
) -> Iterator[None]:
    """Write into a folder as its only writer and owner, while the block runs.

    Parameters
    ----------
    folder : made if absent.
    command : that writes.
    work : what the folder is for, as JSON values; paths by :func:`place_of`. A folder made by the
        same command for other work is left alone.
    recognised : whether a folder without the hidden file was made by this command for this work,
        as version 0.1.0 left it.
    share : of work that several processes share; each has a lock of its own.

    Raises
    ------
    SettingsError : if something else lies there; nothing is changed then.
    InputError : if it cannot be written, or another process writes into it.
    """
    record = json.loads(json.dumps({"command": command, "work": dict(work)}, default=str))
    _check(folder, record, recognised)  # before a lock is put into somebody's folder
    with locked(folder, command, share):
        _check(folder, record, recognised)  # once more: another may have come in between
        write_json(folder / OWNER, record)
        try:
            yield
        finally:
            if not visible(folder):  # refused, or failed, before anything was made
                (folder / OWNER).unlink(missing_ok=True)


def disown(folder: Path) -> None:
    """Take back what :func:`owned` put into a folder; an empty one goes, others stay."""
    if folder.is_dir():
        for path in folder.glob(f"{_OURS}*"):
            path.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()


def owner(folder: Path) -> dict[str, Any] | None:
    """Read which command made a folder, for which work; None where nothing tells.

    Raises
    ------
    InputError : if the hidden file is damaged.
    """
    path = folder / OWNER
    if not path.exists():
        return None
    record = read_json(path)
    if not isinstance(record.get("work"), dict):
        raise InputError(path, "does not say what the folder is for", "choose another folder")
    return record


def visible(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, but for locks, ownership and halves of writes."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(_OURS) and not path.name.endswith(".partial")
    )


def place_of(path: Path | str, folder: Path) -> str:
    """Return a path as seen from a folder, which tells it apart wherever a command is called."""
    here, there = folder.resolve(), Path(path).resolve()
    try:
        return os.path.relpath(there, here)
    except ValueError:  # another drive
        return there.name


def _check(folder: Path, record: Mapping[str, Any], recognised: Callable[[Path], bool]) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(folder, "cannot be written (it is a file)", "choose another", "out")
    if not (lies := visible(folder)):
        return
    mend = f"choose another folder, such as {_free(folder)}, or delete it if it is of no more use"
    found = owner(folder)
    if found is None:
        if not recognised(folder):
            raise SettingsError(
                f"{folder} holds '{lies[0].name}', which this command did not make; {mend}", "out"
            )
    elif found.get("command") != record["command"]:
        raise SettingsError(
            f"{folder} was made by 'glasscast {found.get('command')}'; {mend}", "out"
        )
    elif found["work"] != record["work"]:
        before, now = found["work"], record["work"]
        differs = next(k for k in {**before, **now} if before.get(k) != now.get(k))
        raise SettingsError(
            f"{folder} was made by the same command for other work, {differs} "
            f"{_short(before.get(differs))} instead of {_short(now.get(differs))}; {mend}",
            "out",
        )


def _free(folder: Path) -> Path:
    """Return a folder beside one, of nearly its name, that is not there yet."""
    names = (folder.with_name(f"{folder.resolve().name}-{number}") for number in count(2))
    return next(path for path in names if not path.exists())


def _short(value: Any) -> str:
    """Write a JSON value for people; of a long list the first alone."""
    if isinstance(value, list):
        return ", ".join(map(str, value[:2])) + (f" and {len(value) - 2} more" if value[2:] else "")
    return "unknown" if value is None else str(value)
