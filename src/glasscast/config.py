"""Every YAML file: one reader, one way to override, one kind of message.

What the keys mean stands beside what they are for: experiments in ``workflows``, simulations in
``simulation``, liquids in ``liquid``, the settings of a model or an engine beside its class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from glasscast.errors import InputError, SettingsError

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

    def beside(self, folder: Path) -> Self:
        """Return the settings with all paths in them seen from a folder.

        Settings that hold paths say so by their own ``beside``; all others pass the folder on.
        """
        seen = {key: _beside(folder, getattr(self, key)) for key in type(self).model_fields}
        return self.model_copy(update=seen)


def _beside(folder: Path, value: Any) -> Any:
    if isinstance(value, Settings):
        return value.beside(folder)
    if isinstance(value, dict):
        return {key: _beside(folder, part) for key, part in value.items()}
    return value


@dataclass(frozen=True)
class Choice:
    """Annotates a key whose value names one of several settings classes, such as a model.

    ``lr`` and ``{name: lr, order: 1}`` both become the settings that ``of("lr")`` gives.

    Parameters
    ----------
    of : name -> class; SettingsError if there is none of that name.
    what : is chosen, for messages: ``a model``.
    default : name where a mapping has none; None: it must have one.
    """

    of: Callable[[str], type[Settings]]
    what: str
    default: str | None = None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._chosen, handler(source))

    def _chosen(self, value: Any) -> Any:
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping):
            return value
        return self.kind(value)(**value)

    def kind(self, value: Mapping[str, Any]) -> type[Settings]:
        """Return the settings class that a mapping chooses."""
        name = value.get("name", self.default)
        if name is None:
            raise ValueError(f"{self.what} needs a 'name'")
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
        settings = checked(kind, record)
    except SettingsError as error:
        raise error.of(path) from None
    return settings.beside(path.resolve().parent)


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


def read_text(path: Path, longest: int) -> str:
    """Read a text file of a bounded length, in bytes.

    Raises
    ------
    InputError : if it is missing, too long, or no text.
    """
    try:
        with path.open("rb") as file:
            content = file.read(longest + 1)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})") from None
    if len(content) > longest:
        raise InputError(path, f"is longer than {longest / 1e6:g} MB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(path, "is not a text file") from None


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
        if isinstance(target.get(parent), str) and _choice_at(kind, parents[:depth], record):
            target[parent] = {"name": target[parent]}
        target = target.setdefault(parent, {})
    if not isinstance(target, dict):
        raise SettingsError(
            f"{key}: there is nothing to set under '{'.'.join(parents)}'", "overrides"
        )
    target[last] = value


def _explain(kind: type[Settings], error: ValidationError, record: Mapping[str, Any]) -> str:
    """One line for the first error, with a suggestion for an unknown key."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        inner, key = _settings_at(kind, first["loc"][:-1], record), str(first["loc"][-1])
        if key in inner.renamed:
            return f"'{where}' is called '{inner.renamed[key]}' now"
        close = get_close_matches(key, sorted(_known_keys(inner)), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        return f"unknown key '{where}'{hint}"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"'{where}': {message}" if where else message


def _settings_at(kind: type[Settings], loc: Sequence[int | str], record: Any) -> type[Settings]:
    """Innermost settings class on the way to a location."""
    inner = kind
    for depth in range(1, len(loc) + 1):
        choice = _choice_at(kind, loc[:depth], record)
        if choice is not None:
            value = _at(record, loc[:depth])
            inner = choice.kind(value) if isinstance(value, Mapping) else inner
        else:
            found = [t for t in _types_at(kind, loc[:depth], record) if _is_settings(t)]
            inner = found[0] if found else inner
    return inner


def _choice_at(kind: type[Settings], loc: Sequence[int | str], record: Any) -> Choice | None:
    """Return the choice that a location is, if it is one."""
    found = (t for t in _types_at(kind, loc, record) if isinstance(t, Choice))
    return next(found, None)


def _types_at(kind: type[Settings], loc: Sequence[int | str], record: Any) -> list[Any]:
    """Types and annotations of the values that may stand at a location."""
    types: list[Any] = [kind]
    for depth, part in enumerate(loc):
        choice = next((t for t in types if isinstance(t, Choice)), None)
        value = _at(record, loc[:depth])
        if choice is not None and isinstance(value, Mapping):
            types = [choice.kind(value)]
        inner = [t for t in types if _is_settings(t)]
        if not inner:  # a part of a mapping or a list, whose types are among those already
            continue
        known = [t.model_fields[part] for t in inner if part in t.model_fields]
        types = [t for field in known for t in (*field.metadata, *_parts(field.annotation))]
    return types


def _parts(annotation: Any) -> Iterator[Any]:
    """Walk through a type and the types and annotations it is made of."""
    yield annotation
    for part in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        yield from _parts(part)


def _at(record: Any, loc: Sequence[int | str]) -> Any:
    """Return the value at a location of a record, None if there is none."""
    for part in loc:
        try:
            record = record[part]
        except (KeyError, IndexError, TypeError):
            return None
    return record


def _is_settings(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Settings)


def _known_keys(kind: type[Settings]) -> set[str]:
    """All keys of a schema, those of nested schemas included."""
    keys = set(kind.model_fields)
    for field in kind.model_fields.values():
        for part in _parts(field.annotation):
            if _is_settings(part):
                keys |= _known_keys(part)
    return keys
