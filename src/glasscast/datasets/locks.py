"""One writer a folder: a lock that ends with its process, and says who holds it.

The lock is the operating system's own (``flock``), so nothing is left to clean up after a kill.
Where a shared file system does not pass it on between machines (NFS mounted with ``nolock``,
Lustre without ``flock``), it holds among the processes of one machine at most.
"""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from glasscast.datasets.files import write_json
from glasscast.errors import InputError
from glasscast.progress import log

LOCK, HOLDER = ".glasscast.lock", ".glasscast.holder"
#: How long a second writer waits, in seconds: the first may be about to end.
_PATIENCE = 1.0
# The file system's fault, not the folder's.
_UNABLE = (
    errno.ENOLCK,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
)


@contextmanager
def locked(folder: Path, command: str, share: str = "") -> Iterator[None]:
    """Be the only writer of a folder, made if absent, while the block runs.

    Parameters
    ----------
    command : shown to others that want the folder meanwhile.
    share : the block is the only writer of this share; each is locked by itself.

    Raises
    ------
    InputError : if the folder cannot be written, or another process writes into it, naming that.
    """
    made = not folder.exists()
    lock_path, told = folder / f"{LOCK}{share}", folder / f"{HOLDER}{share}"
    with _writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(lock_path)
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            raise InputError(
                folder,
                f"is being written by {_told(holder(folder, share))}",
                "wait for it, or choose another folder",
                "out",
            ) from None
        except OSError as error:
            if error.errno not in _UNABLE:
                raise
            log.warning("%s: this file system knows no locks; let nobody else write there", folder)
    try:
        with _writable(folder):
            told.write_text(json.dumps(_here(command)), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            told.unlink(missing_ok=True)
            if made and {path.name for path in folder.iterdir()} <= {lock_path.name}:
                lock_path.unlink(missing_ok=True)  # refused: as if nobody had come
                folder.rmdir()
        lock.release()


def _here(command: str) -> dict[str, Any]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "command": command,
        "since": since,
    }


def holder(folder: Path, share: str = "") -> dict[str, Any] | None:
    """Tell which process writes into a folder: host, pid, command, since; None if it is unknown.

    What a killed process left is told, too: only the lock itself says whether it is alive.
    """
    return _read(folder / f"{HOLDER}{share}")


def tell(folder: Path, progress: str) -> None:
    """Let others read how far the work in a folder is that this process holds, if it does."""
    for path in folder.glob(f"{HOLDER}*"):
        record = _read(path)
        if record is not None and record.get("pid") == os.getpid():
            with suppress(InputError):  # news, not a result
                write_json(path, record | {"progress": progress})


def at_work(folder: Path) -> list[str]:
    """Say who writes into a folder just now, since when, and how far that is; a line each."""
    lines = []
    for path in sorted(folder.glob(f"{HOLDER}*")):
        lock = FileLock(folder / path.name.replace(HOLDER, LOCK))
        try:
            with lock.acquire(timeout=0):
                continue  # nobody holds it: a killed process left the file
        except (Timeout, OSError):
            record = _read(path)
            done = f": {record['progress']}" if record and "progress" in record else ""
            lines.append(f"{_told(record)}{done}")
    return lines


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(record, dict):
            return record
    return None


def _told(record: dict[str, Any] | None) -> str:
    if record is None:
        return "another process"
    return (
        f"'glasscast {record.get('command')}', process {record.get('pid')} on "
        f"{record.get('host')}, since {record.get('since')}"
    )


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(folder, f"cannot be written ({reason})", "", "out") from None
