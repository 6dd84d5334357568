"""Published data and weights: where they lie, how large they are, what they ask in return.

The entries stand in ``catalogue.yaml`` beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, TypeAdapter

from glasscast.config import Settings, parse_mapping
from glasscast.errors import SettingsError

_FILE = "catalogue.yaml"
Https = Annotated[str, Field(pattern=r"^https://[^\s]+$")]
Hexadecimal = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]


class PublishedFile(Settings):
    """What is known of one file.

    Parameters
    ----------
    path : from the root of its entry.
    size : in bytes.
    sha256, crc32 : of its content; None where it was never published nor seen.
    """

    path: str
    size: int | None = None
    sha256: Hexadecimal | None = None
    crc32: Hexadecimal | None = None


class Entry(Settings):
    """One published collection.

    Parameters
    ----------
    title : what it is, in one line.
    kind : data to import, or weights.
    layout : ``files`` by name below the address; a ``bucket`` that lists its files; one ``zip``,
        whose members are taken one by one; one ``tar``, compressed or not, which is read through.
    address : of the folder, the bucket or the archive.
    listing : where the bucket lists its files, as Google's storage does it in JSON.
    root : folder in the archive or bucket from which paths count.
    size : bytes of everything; about, or None, where it is not known.
    licence, cite : what the authors ask in return.
    checks : what is compared before a file takes its place.
    remarks : what else to know before fetching it.
    example : a pattern that makes sense, where everything is too much.
    then : the command that uses it; ``{folder}`` is where it lies.
    md5 : of the archive.
    files : known files; all there are, where the layout is ``files``.
    """

    title: str
    kind: Literal["data", "weights"]
    layout: Literal["files", "bucket", "zip", "tar"]
    address: Https
    listing: Https | None = None
    root: str = ""
    size: PositiveInt | None = None
    about: bool = False
    licence: str
    cite: tuple[str, ...]
    checks: str
    remarks: str = ""
    example: str = ""
    then: str = ""
    md5: Hexadecimal | None = None
    files: tuple[PublishedFile, ...] = ()

    @property
    def file_by_path(self) -> Mapping[str, PublishedFile]:
        """Known files by their path."""
        return {file.path: file for file in self.files}

    @property
    def size_text(self) -> str:
        """Size of everything, for people."""
        return "not known" if self.size is None else "about " * self.about + in_bytes(self.size)


@cache
def catalogue() -> Mapping[str, Entry]:
    """Every entry by its name."""
    text = (files("glasscast.datasets") / _FILE).read_text(encoding="utf-8")
    return TypeAdapter(dict[str, Entry]).validate_python(parse_mapping(text, _FILE))


def find_entry(name: str) -> Entry:
    """Look an entry up.

    Raises
    ------
    SettingsError : if there is none of that name, with the nearest one.
    """
    known = catalogue()
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise SettingsError(f"there is nothing published as '{name}'{hint} Known: {', '.join(known)}")


def in_bytes(number: float) -> str:
    """Write a number of bytes for people, by powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} TB"
