"""Settings out of YAML: files of keys and values, single values, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from glasscast.errors import InputError, SettingsError


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a file of keys and values.

    Raises
    ------
    InputError : if it is missing, no text, not YAML, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise InputError(path, "is not a text file") from None
    return parse_mapping(text, path)


def parse_mapping(text: str, source: Path | str) -> dict[str, Any]:
    """Parse keys and values.

    Raises
    ------
    InputError : naming the source, if the text is not YAML or holds something else.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = " ".join(str(error).split())
        raise InputError(source, f"is not valid YAML ({where})") from None
    if not isinstance(content, dict):
        raise InputError(source, "must hold keys and values")
    return content


def parse_pair(pair: str, flag: str) -> tuple[str, Any]:
    """Parse ``key=value`` of a command-line option; the value by YAML's rules.

    Raises
    ------
    SettingsError : naming the option.
    """
    key, sep, text = pair.partition("=")
    if not sep or not key:
        raise SettingsError(f"{flag} takes key=value, got '{pair}'")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError:
        raise SettingsError(f"{flag} {key}: '{text}' is not a YAML value") from None


def first_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with the first key that breaks a schema, naming it."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
