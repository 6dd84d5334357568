"""``dataset.json``: what a dataset says of itself, key by key; docs/data.md explains each.

Version 2. What version 1 wrote is upgraded while it is read; writing is always version 2. An npz
says all of itself; here stands what is needed to choose configurations without opening them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from glasscast.datasets.files import sha256_of_file
from glasscast.datasets.metadata import (
    Definitions,
    Equilibrium,
    Units,
    first_problem,
    species_names,
)
from glasscast.datasets.records import (
    VERSION,
    EquilibriumField,
    Kind,
    Name,
    Parent,
    Record,
    Root,
    SpeciesName,
    plain_name,
)
from glasscast.datasets.splits import families
from glasscast.datasets.stages import Stages
from glasscast.datasets.state_points import StatePoint
from glasscast.errors import InputError
from glasscast.inputs import read_json, reading
from glasscast.liquid.definition import MOST_SPECIES
from glasscast.runtime import __version__

FORMAT: Final = "glasscast dataset"
WRITTEN_BY: Final = f"glasscast {__version__}"
#: A manifest of more bytes is no manifest: 100 000 configurations take a third of it.
MOST_BYTES = 100_000_000
#: Folder of kept trajectories, in that of the dataset.
KEPT_RUNS: Final = "trajectories"
RUNS_FORMAT: Final = "glasscast trajectories"


#: A configuration's name, eight digits of a checksum, and an ending.
FileName = Annotated[str, AfterValidator(partial(plain_name, most=140))]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Source(Record):
    """What was understood of an import, a simulation or a join; free but for ``how``."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    how: Literal["import", "simulate", "join", "copies", "unknown"]

    @model_validator(mode="after")
    def _no_unknown_key(self) -> Self:
        return self


class KeptRuns(Record):
    """A file of kept trajectories, in the folder ``trajectories/``."""

    file: FileName
    bytes: int = Field(ge=0)
    sha256: Digest


class EntryRecord(Record):
    """One configuration: where it lies, what its bytes must be, what it descends from.

    Parameters
    ----------
    root : first 16 hex digits of the SHA-256 of positions, types and box of the snapshot that all
        of its family descend from; finds a family across datasets, whatever they are named.
        None: unknown (copies of version 1).
    kind : ``start`` (labels run forward from it), ``copy`` (thermal copy with its parent's
        labels), ``reversed`` (end of one run, labels run back), ``chain`` (frame of a long run).
    parent : name here or DATASET/NAME; itself where absent.
    """

    name: Name
    file: FileName
    bytes: int = Field(ge=0)
    sha256: Digest
    root: Root | None = None
    kind: Kind = "start"
    parent: Parent | None = None
    trajectories: KeptRuns | None = None


class Manifest(Record):
    """The content of ``dataset.json``."""

    format: Literal["glasscast dataset"] = FORMAT
    version: Literal[2] = 2
    written_by: str = WRITTEN_BY
    name: Name
    dimension: Literal[2, 3]
    species: tuple[SpeciesName, ...] = Field(min_length=1, max_length=MOST_SPECIES)
    state_point: StatePoint
    liquid: dict[str, Any] | None = None
    units: Units | None = None
    stages: Stages
    definitions: Definitions = Definitions()
    equilibrium: dict[EquilibriumField, Equilibrium] = Field(default_factory=dict)
    splits: dict[Name, tuple[str, ...]] = Field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    configurations: tuple[EntryRecord, ...]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        names = [entry.name for entry in self.configurations]
        if len(set(names)) < len(names):
            raise ValueError("'configurations' names one twice")
        if len(set(self.species)) < len(self.species):
            raise ValueError("'species' names one twice")
        taken: dict[str, str] = {}
        for split, members in self.splits.items():
            for name in members:
                if name not in names:
                    raise ValueError(f"split '{split}' names '{name}', which is not here")
                if taken.setdefault(name, split) != split:
                    raise ValueError(f"'{name}' is in the splits '{taken[name]}' and '{split}'")
        self._refuse_cut_families(taken)
        rows = self.stages.source or ()
        if any(not 0 <= row < len(self.sources) for row in rows):
            raise ValueError("'stages.source' points at no source")
        return self

    def _refuse_cut_families(self, taken: Mapping[str, str]) -> None:
        """Refuse splits that hold relatives; ``taken``: configuration -> its split."""
        own = f"{self.name}/"
        told = [((e.parent or e.name).removeprefix(own), e.root) for e in self.configurations]
        split_of: dict[str, tuple[str, str]] = {}
        for entry, family in zip(self.configurations, families(told), strict=True):
            if entry.name in taken:
                split, name = split_of.setdefault(family, (taken[entry.name], entry.name))
                if split != taken[entry.name]:
                    raise ValueError(
                        f"the splits '{split}' and '{taken[entry.name]}' share the family of "
                        f"'{name}' and '{entry.name}'"
                    )

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, keys without a value left out where they need not be there."""
        record = self.model_dump(mode="json")
        record["state_point"]["liquid"] = self.state_point.liquid_name
        del record["state_point"]["times"]  # a model's alone: those of a dataset stand in `stages`
        record["configurations"] = [
            {k: v for k, v in e.items() if v is not None and (k, v) != ("kind", "start")}
            for e in record["configurations"]
        ]
        for key in ("stages", "definitions"):
            record[key] = {k: v for k, v in record[key].items() if v is not None}
        record["equilibrium"] = {
            field: {k: v for k, v in how.items() if v is not None}
            for field, how in record["equilibrium"].items()
        }
        return {k: v for k, v in record.items() if v is not None and (k, v) != ("definitions", {})}


def manifest_of(path: Path, content: Mapping[str, Any]) -> Manifest:
    """Check what is to be written.

    Raises
    ------
    InputError : naming the file and the key that cannot be.
    """
    try:
        return Manifest(**content)
    except ValidationError as error:
        raise InputError(path, first_problem(error)) from None


def read_manifest(path: Path) -> Manifest:
    """Read ``dataset.json`` of version 1 or 2.

    Raises
    ------
    InputError : naming the file and the key that cannot be used; for a newer version before any
        other key is looked at.
    """
    record = read_json(path, MOST_BYTES)
    check_header(path, record, FORMAT, VERSION)
    with reading(path):
        return _checked(path, record)


def _checked(path: Path, record: dict[str, Any]) -> Manifest:
    try:
        if record["version"] == 1:
            record = upgraded(record, path.parent)
        return Manifest(**record)
    except ValidationError as error:
        raise InputError(path, first_problem(error)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(path, f"lacks or garbles the key {error}") from None


def check_header(path: Path, record: Any, kind: str, newest: int) -> None:
    """Refuse a record of another kind, or one newer than this library.

    Raises
    ------
    InputError : saying who wrote it and what reads it.
    """
    if not isinstance(record, Mapping) or record.get("format") != kind:
        found = record.get("format") if isinstance(record, Mapping) else None
        raise InputError(path, f"is not a {kind} ('format' is {found!r:.100})")
    version = record.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(path, f"'version' must be a whole number, got {version!r:.100}")
    if version > newest:
        raise InputError(
            path,
            f"has version {version}, written by {record.get('written_by', 'a newer glasscast')}; "
            f"this is glasscast {__version__}, which reads up to {newest}",
            "pip install -U glasscast",
        )


def upgraded(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Turn the content of a version 1 ``dataset.json`` into one of version 2.

    What version 1 did not tell stays unknown. Where a replacement of files was interrupted, the
    version that lies in the folder is taken.
    """
    state = record["state"]
    count = max((int(number) for number in state["species"]), default=0) + 1
    if not 1 <= count <= MOST_SPECIES:
        raise ValueError(f"'state.species' names one up to {count - 1}")
    density = state.get("density")
    return {
        "written_by": str(record.get("written_by", "glasscast 0.1.0")),
        "name": record["name"],
        "dimension": state["dimension"],
        "species": species_names(count, state.get("liquid")),
        "state_point": {
            "liquid": state.get("liquid"),
            "temperature": state.get("temperature"),
            "pressure": state.get("pressure"),
            "density": None if density is None else (density, density),
        },
        "stages": {"by": "time", "values": state.get("times", ())}
        | ({} if state.get("tau_alpha") is None else {"tau_alpha": state["tau_alpha"]}),
        "splits": record["splits"],
        "configurations": [_entry(entry, folder) for entry in record["configurations"]],
    }


def _entry(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    version, successor = entry, entry.get("successor")
    if successor:
        file = folder / plain_name(entry["file"], 140)
        if file.is_file() and sha256_of_file(file) == successor["sha256"]:
            version = successor
    of_another = entry["parent"] != entry["name"]
    return {
        "name": entry["name"],
        "file": entry["file"],
        "bytes": version["bytes"],
        "sha256": version["sha256"],
        "parent": entry["parent"] if of_another else None,
        "kind": "copy" if of_another else "start",
    }
