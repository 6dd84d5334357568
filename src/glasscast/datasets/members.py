"""Members of an archive or a folder: which are asked for, and which names are safe.

A pattern is a path from the top with ``*``, ``?`` and ``[...]`` within a name and ``**`` for any
number of folders. It chooses the files it matches, and all files below the folders it matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from glasscast.errors import InputError

_WILD = frozenset("*?[")
#: Stands for everything.
ALL = "**"


def safe_name(name: str, archive: str) -> str:
    """Return a member's name as a relative path without detours.

    Raises
    ------
    InputError : for a name that would lead out of the folder it is unpacked in.
    """
    strange = name.startswith("/") or any(c in '\\:"' or ord(c) < 32 for c in name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if strange or ".." in parts:
        raise InputError(
            archive, f"holds the member {name!r}, which would leave its folder; nothing is unpacked"
        )
    return "/".join(parts)


def is_hidden(name: str) -> bool:
    """Whether a name or a folder of it begins with a dot, as what some systems add does."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a file is asked for by any of some patterns."""
    return any(_covers(_split(pattern), _split(name), below=False) for pattern in patterns)


def may_match_below(folder: str, patterns: Sequence[str]) -> bool:
    """Whether a folder may hold files that any of some patterns asks for."""
    return any(_covers(_split(pattern), _split(folder), below=True) for pattern in patterns)


def literal(pattern: str) -> bool:
    """Whether a pattern is the name of one file or folder."""
    return not _WILD & set(pattern)


def fixed_start(patterns: Sequence[str]) -> str:
    """Longest start that all names have that the patterns may match."""
    starts = []
    for pattern in patterns:
        wild = min((pattern.index(c) for c in _WILD if c in pattern), default=len(pattern))
        starts.append(pattern[:wild])
    first, last = min(starts, default=""), max(starts, default="")
    same = next((k for k, c in enumerate(first) if last[k] != c), len(first))
    return first[:same]


def _split(path: str) -> list[str]:
    return [part for part in path.split("/") if part not in ("", ".")]


def _covers(pattern: list[str], path: list[str], *, below: bool) -> bool:
    """Match part by part; ``below``: a path that ends within the pattern matches, too."""
    if not pattern:
        return True
    if pattern[0] == ALL:
        return below or any(_covers(pattern[1:], path[k:], below=below) for k in range(len(path)))
    if not path:
        return below
    return fnmatchcase(path[0], pattern[0]) and _covers(pattern[1:], path[1:], below=below)
