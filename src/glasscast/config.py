"""Every YAML file: one reader, one way to override, one kind of message.

What the keys mean stands beside what they are for: experiments in ``workflows``, simulations in
``simulation``, liquids in ``liquid``, the settings of a model or an engine beside its class.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from glasscast.errors import InputError, SettingsError
from glasscast.inputs import read_text, reading

#: Bytes of the longest settings file that is read.
LONGEST_FILE = 1_000_000
#: Values of the largest one; a few lines that refer to each other can stand for billions.
MOST_VALUES = 400_000


class Settings(BaseModel):
    """Base of all settings: frozen, finite, unknown keys refused.

    Attributes
    ----------
    renamed : keys of former versions and what they are called now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    renamed: ClassVar[Mapping[str, str]] = {}

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """Return the settings with all paths in them changed.

        Settings that hold paths say so by their own ``with_paths``; all others pass it on.
        """
        seen = {key: _with_paths(getattr(self, key), change) for key in type(self).model_fields}
        return self.model_copy(update=seen)

    def beside(self, folder: Path) -> Self:
        """Return the settings with all paths in them seen from a folder."""
        return self.with_paths(lambda path: folder / path)

    def within(self, folder: Path) -> Self:
        """Return the settings as a file in a folder has to tell them: ``beside`` undone.

        What shares no more than the root with the folder stays absolute.
        """
        return self.beside(Path.cwd()).with_paths(lambda path: _seen_from(folder.resolve(), path))

    def without_folders(self) -> Self:
        """Return the settings with files and folders by their names alone, for records."""
        return self.with_paths(lambda path: Path(path.name))


def _with_paths(value: Any, change: Callable[[Path], Path]) -> Any:
    if isinstance(value, Settings):
        return value.with_paths(change)
    if isinstance(value, dict):
        return {key: _with_paths(part, change) for key, part in value.items()}
    return value


def _seen_from(folder: Path, path: Path) -> Path:
    if not path.is_absolute():
        return path
    try:
        common = Path(os.path.commonpath([folder, os.path.abspath(path)]))
    except ValueError:  # another drive
        return path
    return path if common == Path(common.anchor) else Path(os.path.relpath(path, folder))


@dataclass(frozen=True)
class Choice:
    """Annotates a key whose value names one of several settings classes, such as a model.

    ``lr`` and ``{name: lr, order: 1}`` both become the settings that ``of("lr")`` gives.

    Parameters
    ----------
    of : name -> class; SettingsError if there is none of that name.
    what : is chosen, for messages: ``a model``.
    default : name where a mapping has none; None: it must have one.
    key : that the name stands at.
    """

    of: Callable[[str], type[Settings]]
    what: str
    default: str | None = None
    key: str = "name"

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._chosen, handler(source))

    def _chosen(self, value: Any) -> Any:
        if isinstance(value, str):
            value = {self.key: value}
        if not isinstance(value, Mapping):
            return value
        return self.kind(value)(**value)

    def kind(self, value: Mapping[str, Any]) -> type[Settings]:
        """Return the settings class that a mapping chooses."""
        name = value.get(self.key, self.default)
        if name is None:
            raise ValueError(f"{self.what} needs a '{self.key}'")
        return self.of(str(name))


Kind = TypeVar("Kind", bound=Settings)


def read(kind: type[Kind], path: Path, overrides: Sequence[str] = ()) -> Kind:
    """Read and check a settings file.

    Parameters
    ----------
    kind : class of the settings.
    path : YAML file; folders and files in it are relative to it.
    overrides : ``key=value`` with dotted keys, applied on top (``model.order=1``).

    Raises
    ------
    InputError : if the file is missing or not YAML.
    SettingsError : naming the file, the key and, for a misspelt one, the nearest known.
    """
    record = read_mapping(path)
    for override in overrides:
        _override(kind, record, override)
    return validate(kind, record, path)


def validate(kind: type[Kind], record: Mapping[str, Any], path: Path) -> Kind:
    """Check a record against its schema and see its paths from the file's folder.

    Raises
    ------
    SettingsError : naming the file and the key.
    """
    try:
        with reading(path):
            settings = checked(kind, record)
            return settings.beside(path.resolve().parent)
    except SettingsError as error:
        raise error.of(path) from None


def checked(kind: type[Kind], record: Mapping[str, Any]) -> Kind:
    """Check a record against its schema.

    Raises
    ------
    SettingsError : naming the key and, for a misspelt one, the nearest known.
    """
    try:
        return kind(**record)
    except ValidationError as error:
        raise SettingsError(_explain(kind, error, record)) from None
    except TypeError as error:  # a key that is no text
        raise SettingsError(str(error)) from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a file of keys and values.

    Raises
    ------
    InputError : if it is missing, too long, no text, not YAML, or holds something else.
    """
    return parse_mapping(read_text(path, LONGEST_FILE), path)


def parse_mapping(text: str, source: Path | str) -> dict[str, Any]:
    """Parse keys and values.

    Raises
    ------
    InputError : naming the source, if the text is not YAML, holds something else, has a key twice
        or one that is no text, or by references to itself more than :data:`MOST_VALUES`.
    """
    try:
        content = _parse(text)
    except SettingsError as error:
        raise InputError(source, f"is not valid YAML ({error})") from None
    if not isinstance(content, dict):
        raise InputError(source, "must hold keys and values")
    _check_content(content, source)
    return content


def _check_content(content: dict[Any, Any], source: Path | str) -> None:
    """Refuse keys that are no text, and more values than any settings have."""
    left: list[Any] = [content]
    seen = 0
    while left:
        part = left.pop()
        values = part
        if isinstance(part, dict):
            for key in part:
                if not isinstance(key, str):
                    raise InputError(source, f"the key {key!r} is not text; put it in quotes")
            values = part.values()
        seen += len(values)
        if seen > MOST_VALUES:
            raise InputError(source, f"holds more than {MOST_VALUES} values")
        left += (value for value in values if isinstance(value, (dict, list)))


def parse_pair(pair: str, parameter: str) -> tuple[str, Any]:
    """Parse ``key=value``; the value by YAML's rules.

    Parameters
    ----------
    parameter : that the text was given for, for the error.

    Raises
    ------
    SettingsError : if it is no such pair.
    """
    key, sep, text = pair.partition("=")
    if not sep or not key:
        raise SettingsError(f"expected key=value, got '{pair}'", parameter)
    try:
        return key, _parse(text)
    except SettingsError:
        raise SettingsError(f"{key}: '{text}' is not a YAML value", parameter) from None


class _Loader(yaml.SafeLoader):
    """Plain values only, and no key twice, of which the first would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise SettingsError(f"the key '{key.value}' stands twice, line {line}")
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parse(text: str) -> Any:
    """Parse YAML; whatever is wrong with it is a SettingsError of one line."""
    try:
        return yaml.load(text, _Loader)
    except SettingsError:
        raise
    except RecursionError:
        raise SettingsError("it is nested too deeply") from None
    except Exception as error:  # a date, number or tag that is none raises all kinds
        raise SettingsError(" ".join(str(error).split())) from None


def _override(kind: type[Settings], record: dict[str, Any], override: str) -> None:
    key, value = parse_pair(override, "overrides")
    *parents, last = key.split(".")
    target: Any = record
    for depth, parent in enumerate(parents, 1):
        if not isinstance(target, dict):
            break
        there = target.get(parent)
        choice = _choice_at(kind, parents[:depth], record) if isinstance(there, str) else None
        if choice is not None:
            target[parent] = {choice.key: there}
        elif there is None or there is True:  # as in `cage: true`
            target[parent] = {}
        target = target[parent]
    if not isinstance(target, dict):
        raise SettingsError(
            f"{key}: there is nothing to set under '{'.'.join(parents)}'", "overrides"
        )
    target[last] = value


def _explain(kind: type[Settings], error: ValidationError, record: Mapping[str, Any]) -> str:
    """One line for the first error, with a suggestion for an unknown key.

    Unknown keys come first: a misspelt one is the reason why another is missing.
    """
    first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    *parents, last = first["loc"] or ("",)
    value, way, types = record, [], [kind]
    for part in parents:
        found = _types_at(part, types, value)
        if found:
            way.append(str(part))
            value, types = _at(value, part), found
        else:  # which of several classes it is, in pydantic's words
            types = [t for t in types if _is_settings(t) and _has_default(t, part)]
    where = ".".join([*way, str(last)])
    if first["type"] == "extra_forbidden":
        inner, key = next(_classes(types, value), kind), str(last)
        if key in inner.renamed:
            return f"'{where}' is called '{inner.renamed[key]}' now"
        meant = _nearest(key, inner)
        return f"unknown key '{where}'" + (f"; did you mean '{meant}'?" if meant else "")
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"'{where}': {message}" if where else message


def _choice_at(kind: type[Settings], loc: Sequence[str], record: Any) -> Choice | None:
    """Return the choice that the value at a location is, if it is one."""
    types: list[Any] = [kind]
    for part in loc:
        record, types = _at(record, part), _types_at(part, types, record)
    return next((t for t in types if isinstance(t, Choice)), None)


def _types_at(part: int | str, types: Sequence[Any], value: Any) -> list[Any]:
    """Types and annotations that a value of some types may have at a key or number."""
    found: list[Any] = []
    for inner in _classes(types, value):
        if part in inner.model_fields:
            field = inner.model_fields[str(part)]
            found += [*field.metadata, *_alternatives(field.annotation)]
    for container in types:
        if get_origin(container) in (dict, tuple):
            element = next(a for a in reversed(get_args(container)) if a is not ...)
            found += _alternatives(element)
    return found


def _classes(types: Sequence[Any], value: Any) -> Iterator[type[Settings]]:
    """Yield the settings classes that a value may have; the one of a choice is chosen."""
    for choice in (t for t in types if isinstance(t, Choice)):
        if isinstance(value, Mapping) and (choice.default or "name" in value):
            yield choice.kind(value)
        return
    yield from filter(_is_settings, types)


def _alternatives(annotation: Any) -> Iterator[Any]:
    """Take apart an annotated type or a union."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        for part in get_args(annotation):
            yield from _alternatives(part)
    else:
        yield annotation


def _at(record: Any, part: int | str) -> Any:
    """Return what stands at a key or number of a record, None if there is nothing."""
    try:
        return record[part]
    except (KeyError, IndexError, TypeError):
        return None


def _is_settings(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings)


def _has_default(kind: type[Settings], value: Any) -> bool:
    return any(field.default == value for field in kind.model_fields.values())


def _nearest(key: str, kind: type[Settings]) -> str | None:
    """Key of a class that is spelt nearly so, or one within it, by its dotted path."""
    inner: dict[str, str] = {}
    for path in _inner_keys(kind):
        inner.setdefault(path.rpartition(".")[2], path)
    if key in inner:
        return inner[key]
    alike = 0.6 if len(key) > 2 else 0.5  # one letter of two
    for known in ({name: name for name in kind.model_fields}, inner):
        for name in get_close_matches(key, known, n=1, cutoff=alike):
            return known[name]
    return None


def _inner_keys(kind: type[Settings]) -> Iterator[str]:
    """Dotted paths of the keys of the settings within settings."""
    for name, field in kind.model_fields.items():
        for inner in filter(_is_settings, _alternatives(field.annotation)):
            yield from (f"{name}.{key}" for key in (*inner.model_fields, *_inner_keys(inner)))
