"""What a result depends on, value by value: so that what has changed can be named.

A fingerprint (:mod:`glasscast.datasets.kept`) tells only that something did.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.dataset import Dataset
from glasscast.datasets.entries import Entry
from glasscast.datasets.kept import fingerprint_of

#: Differences that a message names; of more it says how many there are.
_NAMED = 3


@dataclass(frozen=True)
class Input:
    """Something that is read, known by its content.

    Parameters
    ----------
    use : what it is read for: ``train``, ``test``, or the setting that names it.
    name : of the configuration, or of the file within what the setting names; '' if it is all.
    sha256 : of the file; of the arrays and metadata of a configuration in memory.
    file : name of the file, without its folder; for people, no part of the identity.
    parent : what splits and folds group the configuration by.
    times, stages : chosen of those in the file, and the numbers they go by; None: all, their own.
    """

    use: str
    name: str
    sha256: str
    file: str = field(default="", compare=False)
    parent: str | None = None
    times: tuple[float, ...] | None = None
    stages: tuple[float, ...] | None = None

    def __str__(self) -> str:
        parts = self.use, self.name and f"'{self.name}'", self.file and f"({self.file})"
        return " ".join(filter(None, parts))

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, without those that are not there."""
        values = {key: value for key, value in asdict(self).items() if value not in (None, "")}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Take up what :meth:`to_json` gave; TypeError, KeyError or ValueError if it cannot be."""
        known: dict[str, Any] = {"name": "", **record}
        for key in ("times", "stages"):
            if known.get(key) is not None:
                known[key] = tuple(known[key])
        return cls(**known)


def inputs_of(data: Sequence[Configuration], use: str) -> tuple[Input, ...]:
    """List the inputs that data are, in order.

    Configurations of a dataset are known by the checksums of their files, which are not read;
    others by their arrays and metadata.
    """
    if isinstance(data, Dataset):
        return tuple(
            Input(use, e.name, e.checksum, e.path.name, e.parent, e.kept_times, _values(e))
            for e in data.entries
        )
    return tuple(Input(use, c.name, c.checksum()) for c in data)


def _values(entry: Entry) -> tuple[float, ...] | None:
    return entry.scattering if entry.stages is None else entry.stages.values


@dataclass(frozen=True)
class Identity:
    """What a result depends on.

    Parameters
    ----------
    values : settings, seed, version: JSON values by what they are called in messages.
    inputs : everything read, in the order of its use.
    """

    values: Mapping[str, Any]
    inputs: tuple[Input, ...] = ()

    def also(self, inputs: Iterable[Input] = (), **values: Any) -> Identity:
        """Return the identity of a result that depends on more."""
        more = (*self.inputs, *inputs)
        return replace(self, values={**self.values, **values}, inputs=more)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"values": dict(self.values), "inputs": [i.to_json() for i in self.inputs]}

    @property
    def fingerprint(self) -> str:
        """Hash of it all."""
        inputs = [replace(i, file="").to_json() for i in self.inputs]
        return fingerprint_of({"values": dict(self.values), "inputs": inputs})

    def record(self) -> dict[str, Any]:
        """Say in short for the record of a model what it was made from; JSON values."""
        inputs = [{"use": i.use, "name": i.file or i.name, "sha256": i.sha256} for i in self.inputs]
        return {"inputs": inputs, "identity": self.fingerprint}

    def change_since(self, kept: Any) -> str:
        """Say what is different from what a kept result was made from; '' if nothing is.

        Parameters
        ----------
        kept : what :meth:`to_json` gave then.
        """
        try:
            inputs = tuple(map(Input.from_json, kept["inputs"]))
            values = dict(kept["values"])
        except (TypeError, KeyError, ValueError):
            return "it is not recorded what it was made from"
        mine = json.loads(json.dumps(dict(self.values)))
        found = [*changed_values(values, mine), *_changed_inputs(inputs, self.inputs)]
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return "; ".join(found[:_NAMED]) + more


def changed_values(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say of JSON values, key by key, how they differ."""
    return [
        f"'{key}' was {_short(before.get(key))}, is {_short(now.get(key))}"
        for key in dict.fromkeys([*before, *now])
        if before.get(key) != now.get(key)
    ]


def _changed_inputs(before: Sequence[Input], now: Sequence[Input]) -> list[str]:
    """Say of inputs, one by one, how they differ."""
    old, new = ({(i.use, i.name): i for i in inputs} for inputs in (before, now))
    found = [f"{i} has changed" for key, i in new.items() if key in old and _content(i, old[key])]
    found += [f"{i} is chosen otherwise" for k, i in new.items() if k in old and _view(i, old[k])]
    found += [f"{i} is new" for key, i in new.items() if key not in old]
    found += [f"{i} is gone" for key, i in old.items() if key not in new]
    return found if found or before == tuple(now) else ["the order of the inputs has changed"]


def _content(one: Input, other: Input) -> bool:
    return one.sha256 != other.sha256


def _view(one: Input, other: Input) -> bool:
    return replace(one, sha256="") != replace(other, sha256="")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."
