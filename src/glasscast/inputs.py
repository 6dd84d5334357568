"""Files from outside: regular, of bounded length, and damaged ones told in one line.

Readers say themselves what is wrong with a file. What one of them did not foresee ends at
:func:`reading`, the last resort, which names the file.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from glasscast.errors import GlasscastError, InputError

#: Bytes of the longest record in JSON that is believed, unless its reader knows better.
LONGEST_RECORD = 20_000_000


class UnforeseenError(InputError):
    """A file that a reader stumbled over: the last resort, which says little."""


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turn whatever a reader lets through into one line that names the file.

    Raises
    ------
    UnforeseenError : for any error that is not meant for the user; it is the cause.
    """
    try:
        yield
    except GlasscastError:
        raise
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    except MemoryError as error:
        raise UnforeseenError(path, "needs more memory than there is") from error
    except RecursionError as error:
        raise UnforeseenError(path, "is nested too deeply") from error
    except Exception as error:
        raise UnforeseenError(
            path,
            f"is damaged in a way that no reader foresaw ({type(error).__name__}: {error})",
            "make it again, or report this line",
        ) from error


def refuse_irregular(path: Path) -> int:
    """Refuse what is no regular file: reading a pipe or a device might never end.

    Returns
    -------
    Bytes of the file.

    Raises
    ------
    InputError : if it is absent, a folder, a pipe, a socket or a device.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise InputError(path, "does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        raise InputError(
            path, f"cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise InputError(path, f"cannot be read (it is {what})")
    return status.st_size


def read_bytes(path: Path, most: int) -> bytes:
    """Read a regular file of a bounded length.

    Parameters
    ----------
    most : bytes.

    Raises
    ------
    InputError : if it cannot be read, or is longer.
    """
    if (size := refuse_irregular(path)) > most:
        raise InputError(path, f"is longer than {most / 1e6:g} MB, the most that is read")
    try:
        with path.open("rb") as stream:
            return stream.read(size)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None


def read_text(path: Path, most: int) -> str:
    """Read a regular text file, UTF-8, of a bounded length in bytes.

    Raises
    ------
    InputError : if it cannot be read, is longer, or is no text.
    """
    try:
        return read_bytes(path, most).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(path, "is not a text file") from None


def read_json(path: Path, most: int = LONGEST_RECORD) -> dict[str, Any]:
    """Read a JSON object without NaN.

    Raises
    ------
    InputError : if the file cannot be read, is longer, or holds something else.
    """
    try:
        record = json.loads(read_text(path, most), parse_constant=_refuse_constant)
    except RecursionError:
        raise InputError(path, "is not readable JSON (nested too deeply)") from None
    except ValueError as error:
        raise InputError(path, f"is not readable JSON ({error})") from None
    if not isinstance(record, dict):
        raise InputError(path, "is not readable JSON (it holds no object)")
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
