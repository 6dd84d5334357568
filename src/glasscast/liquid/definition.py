"""Liquids as YAML files: the built-in ones and your own, in the same format."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from glasscast.config import Settings, checked, parse_mapping, read_mapping
from glasscast.errors import InputError, SettingsError
from glasscast.inputs import read_json, read_text, reading
from glasscast.liquid.box import FloatArray
from glasscast.liquid.interactions import Liquid
from glasscast.liquid.potentials import Potential, Tabulated
from glasscast.liquid.power_sums import PowerSums
from glasscast.liquid.tables import LONGEST_TABLE, PairTable, Rows, Tables, table_files, with_tables

#: Liquids that come with the library.
BUILT_IN = ("ka", "ka-cut", "ka-unshifted", "ka2d", "hard-spheres")

#: Name of the file of a dataset, which may hold the content of a liquid's file.
IN_DATASET = "dataset.json"

#: Most species of a mixture: a discretised size distribution has tens.
MOST_SPECIES = 128

#: The pair of two species, as their places in the order of the types.
_Pair = tuple[int, int]


def _plain(name: str) -> str:
    """Refuse a name that would mean more than itself in a script, a path or a table."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name) is None:
        raise ValueError(
            "a name is up to 64 letters, digits, '.', '_' or '-', the first a letter or digit; "
            f"got {name[:64]!r}"
        )
    return name


#: Name of a liquid or a species.
Name = Annotated[str, AfterValidator(_plain)]


class SpeciesSettings(Settings):
    """One species of a mixture."""

    fraction: float = Field(gt=0, le=1, description="share of the particles")
    mass: float = Field(default=1.0, gt=0)


class PairSettings(Settings):
    """Parameters of one pair of species; which of them there must be, the potential says."""

    epsilon: float | None = Field(default=None, gt=0)
    sigma: float = Field(gt=0)
    cutoff: float | None = Field(
        default=None, gt=0, description="absolute distance, in the unit of sigma"
    )
    table: Rows | None = Field(
        default=None,
        description="rows [distance, energy, force], or a text file of them, seen from this file",
    )

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class LiquidSettings(Settings):
    """The content of a liquid file. Unknown keys are refused.

    Parameters
    ----------
    name, notes : for metadata and reports.
    dimension : 2 or 3.
    density : number density.
    temperature : the only one at which the liquid is what it stands for, such as hard spheres;
        null: any.
    potential : ``{form: lj-cut | lj-force-shifted | lj-polynomial}``,
        ``{form: mie, repulsive: n, attractive: m}``,
        ``{form: inverse-power, exponent: n, cut: polynomial | shifted}``, ``{form: harmonic}`` or
        ``{form: table}``.
    species : name -> fraction and mass, in the order of the types.
    pairs : the two names joined (``AB``, or ``A-B`` for longer names) -> parameters; every
        unordered pair once.
    time_step : of the integrator.
    """

    name: Name
    notes: str = Field(default="", max_length=5000)
    dimension: int = Field(default=3, ge=2, le=3)
    density: float = Field(gt=0)
    temperature: float | None = Field(default=None, gt=0)
    potential: Potential
    species: dict[Name, SpeciesSettings] = Field(min_length=1, max_length=MOST_SPECIES)
    pairs: dict[str, PairSettings]
    time_step: float = Field(default=0.005, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> LiquidSettings:
        total = sum(s.fraction for s in self.species.values())
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the fractions of the species must add up to 1, got {total:g}")
        for pair in self._by_pair().values():
            self._check_keys(pair)
        return self

    def liquid(self) -> Liquid:
        """Build the liquid."""
        pairs = self._table()
        sigma = np.array([[pair.sigma for pair in row] for row in pairs])
        epsilon = np.array([[pair.epsilon or np.nan for pair in row] for row in pairs])
        return Liquid(
            name=self.name,
            dimension=self.dimension,
            species=tuple(self.species),
            fractions=np.array([s.fraction for s in self.species.values()]),
            masses=np.array([s.mass for s in self.species.values()]),
            density=self.density,
            potential=self.potential,
            epsilon=epsilon,
            sigma=sigma,
            law=self._law(pairs, epsilon, sigma),
            time_step=self.time_step,
            notes=self.notes.strip(),
            temperature=self.temperature,
        )

    def interactions(self) -> dict[str, Any]:
        """Tell what decides energies and forces, as JSON values."""
        return self.model_dump(exclude={"notes", "density", "name", "time_step", "temperature"})

    def _law(
        self, pairs: list[list[PairSettings]], epsilon: FloatArray, sigma: FloatArray
    ) -> PowerSums | Tables:
        form = self.potential
        if isinstance(form, Tabulated):
            made = {id(p): PairTable(np.array(p.table)) for row in pairs for p in row}
            return Tables(tuple(tuple(made[id(p)] for p in row) for row in pairs))
        # a form that asks for no cutoff ends where the particles touch
        cutoff = np.array([[p.cutoff or p.sigma for p in row] for row in pairs])
        return PowerSums.of(
            lambda a, b: form.terms(epsilon[a, b], sigma[a, b], cutoff[a, b]),
            cutoff,
            form.core * sigma,
        )

    def _table(self) -> list[list[PairSettings]]:
        """Pair of every two species, S rows of S."""
        count = len(self.species)
        found = {pair: self.pairs[key] for pair, key in self._by_pair().items()}
        return [[found[min(a, b), max(a, b)] for b in range(count)] for a in range(count)]

    def _by_pair(self) -> dict[_Pair, str]:
        """Key in ``pairs`` of every unordered pair of species."""
        named: dict[str, set[_Pair]] = {}
        keys: dict[_Pair, str] = {}
        for (a, first), (b, second) in combinations_with_replacement(enumerate(self.species), 2):
            for x, y in ((first, second), (second, first)):
                for key in (x + y, f"{x}-{y}"):
                    named.setdefault(key, set()).add((a, b))
        for key in self.pairs:
            pairs = [f"{a}-{b}" for a, b in map(self._names, sorted(named.get(key, ())))]
            if not pairs:
                raise ValueError(f"the pair '{key}' names a species that is not listed")
            if len(pairs) > 1:
                raise ValueError(f"the pair '{key}' could be {' or '.join(pairs)}")
            (pair,) = named[key]
            if pair in keys:
                raise ValueError(f"the pair {pairs[0]} is given twice")
            keys[pair] = key
        for pair in combinations_with_replacement(range(len(self.species)), 2):
            if pair not in keys:
                raise ValueError(f"the pair {'-'.join(self._names(pair))} is missing")
        return keys

    def _check_keys(self, key: str) -> None:
        """Refuse a pair that lacks what its potential asks for, or gives what it does not read."""
        form, pair = self.potential, self.pairs[key]
        for name in type(pair).model_fields:
            given = getattr(pair, name) is not None
            if given and name not in form.pair_keys:
                raise ValueError(f"the pair '{key}': '{name}' means nothing to '{form.form}'")
            if not given and name in form.pair_keys:
                raise ValueError(f"the pair '{key}' lacks '{name}'")

    def _names(self, pair: _Pair) -> tuple[str, str]:
        names = tuple(self.species)
        return names[pair[0]], names[pair[1]]


def is_liquid_file(name_or_path: str | Path) -> bool:
    """Whether this is the path of what describes a liquid, not the name of a liquid.

    That is a YAML file, or the ``dataset.json`` of data that hold the content of one.
    """
    path = Path(name_or_path)
    return path.suffix in (".yaml", ".yml") or path.name == IN_DATASET


def _content(path: Path) -> dict[str, Any]:
    """Content of what describes a liquid, tables still by their files.

    Raises
    ------
    InputError : if it cannot be read, or holds no liquid.
    """
    if path.name != IN_DATASET:
        return read_mapping(path)
    status = path.stat() if path.is_file() else None
    return _in_dataset(path, 0 if status is None else status.st_mtime_ns)


@lru_cache(maxsize=32)
def _in_dataset(path: Path, changed: int) -> dict[str, Any]:
    """Liquid that a dataset holds; it is asked for once a snapshot."""
    content = read_json(path).get("liquid")
    if not isinstance(content, dict):
        raise InputError(path, "holds no liquid")
    return content


def name_of_liquid(name_or_path: str | Path) -> str:
    """Name of a liquid, the one within where it is a file; that of a file that cannot be read."""
    if not is_liquid_file(name_or_path):
        return str(name_or_path)
    try:
        return str(_content(Path(name_or_path))["name"])
    except (InputError, KeyError):
        return Path(name_or_path).stem


def liquid_identity(name_or_path: str | Path) -> dict[str, str]:
    """Name of a liquid and checksums of the files it consists of, wherever these lie; JSON values.

    Raises
    ------
    InputError : if the liquid's own cannot be read.
    """
    name = {"name": name_of_liquid(name_or_path)}
    if not is_liquid_file(name_or_path):
        return name
    path = Path(name_or_path)
    if path.name == IN_DATASET:
        return name | {"sha256": sha256(_plain_json(path)).hexdigest()}
    files = liquid_files(path)
    sums = {f"sha256 {key}".strip(): sha256(f.read_bytes()).hexdigest() for key, f in files.items()}
    return name | sums


def liquid_files(path: Path) -> dict[str, Path]:
    """List the files that a liquid consists of: its own under '', tables by pair.

    Raises
    ------
    InputError : if the liquid's own cannot be read.
    """
    if path.name == IN_DATASET:
        return {"": path}
    pairs = read_mapping(path).get("pairs")
    return {"": path} | (table_files(pairs, path.parent) if isinstance(pairs, dict) else {})


def side_by_side(path: Path) -> dict[str, bytes]:
    """Content of the files that a liquid consists of, by names with which they can lie together.

    Raises
    ------
    InputError : if one cannot be read.
    """
    if path.name == IN_DATASET:
        return {f"{name_of_liquid(path)}.yaml": yaml.safe_dump(_content(path)).encode()}
    content, tables = read_mapping(path), liquid_files(path)
    del tables[""]
    if not tables:
        return {path.name: path.read_bytes()}
    for pair in tables:
        content["pairs"][pair]["table"] = f"{path.stem}-{pair}.table"
    text = yaml.safe_dump(content, sort_keys=False)
    named = {f"{path.stem}-{pair}.table": read_text(f, LONGEST_TABLE) for pair, f in tables.items()}
    return {name: text.encode() for name, text in {path.name: text, **named}.items()}


def _plain_json(path: Path) -> bytes:
    return json.dumps(_content(path), sort_keys=True).encode()


def load_liquid(name_or_path: str | Path) -> Liquid:
    """Load a built-in liquid by name or your own from a YAML file.

    Raises
    ------
    SettingsError : if the name is unknown.
    InputError : if the file cannot be read or breaks the format; names the key.
    """
    settings = load_liquid_settings(name_or_path)
    with reading(name_or_path):
        return settings.liquid()


def diameters(types: NDArray[np.int8], liquid: str | Path) -> NDArray[np.float64]:
    """sigma_aa of each particle in a liquid: (N,), in sigma_AA.

    Raises
    ------
    SettingsError, InputError : as :func:`load_liquid`; SettingsError too for a species it lacks.
    """
    table = np.diag(load_liquid(liquid).sigma)
    if types.max(initial=0) >= len(table):
        raise SettingsError(
            f"the liquid '{liquid}' has {len(table)} species, the configuration more"
        )
    return table[types]


def load_liquid_settings(name_or_path: str | Path) -> LiquidSettings:
    """Read and check a liquid file; see :func:`load_liquid`."""
    if str(name_or_path) in BUILT_IN:
        return _built_in(str(name_or_path))
    if not is_liquid_file(name_or_path):
        raise SettingsError(
            f"unknown liquid '{name_or_path}'; built in: {', '.join(BUILT_IN)}; "
            "or give the path of a .yaml file",
            "liquid",
        )
    path = Path(name_or_path)
    content = _content(path)
    if path.name != IN_DATASET:  # data hold the rows of tables, and name no files
        content = with_tables(content, path.parent)
    try:
        with reading(path):
            found = checked(LiquidSettings, content)
    except SettingsError as error:
        raise InputError(path, str(error)) from None
    if found.name in BUILT_IN and found.interactions() != _built_in(found.name).interactions():
        raise InputError(
            path,
            f"describes other interactions than the built-in liquid '{found.name}'",
            "give it a name of its own",
        )
    return found


@cache
def _built_in(name: str) -> LiquidSettings:
    """Read a file of this package, once: every snapshot asks for the names of its species."""
    file = resources.files("glasscast.liquid") / "built_in" / f"{name}.yaml"
    return checked(LiquidSettings, parse_mapping(file.read_text(encoding="utf-8"), file.name))
