"""One snapshot of a liquid with everything known about its future: the data contract."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from glasscast.datasets.facts import Facts
from glasscast.datasets.fields import (
    ADDED,
    EQUILIBRIUM_POSITIONS,
    FIELDS,
    LABELS,
    POSITIONS,
    REQUIRED,
    TARGETS,
    checked_array,
    finite_rows,
)
from glasscast.datasets.metadata import Equilibrium, Metadata, species_names
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.stages import Stages
from glasscast.datasets.state_points import StatePoint
from glasscast.datasets.times import listed
from glasscast.errors import ShapeError
from glasscast.liquid.box import minimum_image, wrap
from glasscast.liquid.neighbours import find_neighbours
from glasscast.runtime import import_optional


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Configuration(Facts):
    """A thermal snapshot and the isoconfigurational averages that are known of it.

    Reduced Lennard-Jones units. Arrays are copied only when their type must change and are
    read-only afterwards. Dynamic fields hold isoconfigurational means, one row a time.

    Parameters
    ----------
    name : unique within a dataset; splits go by it.
    positions : (N, d) float64, wrapped into ``[0, L)``.
    types : (N,) int8, species 0 = A, 1 = B, ...
    box : (d,) float64, sides of the periodic orthorhombic box.
    ids : (N,) int64 or None, the source's own numbers of the particles, unique and ascending: rows
        are sorted by them.
    inherent, cage : (N, d) float64 or None, equilibrium positions by minimisation and by
        restricted Monte Carlo, wrapped.
    times : (T,) float64, increasing; empty when no dynamics is known. Where rows are stages of
        relaxation (``metadata.stages``), they are this configuration's own, not falling, and NaN
        for a stage that was not reached.
    runs : (T,) int32 or None, trajectories behind the labels of each time; 0: no label there.
    propensity : (T, N) float32 or None, mean of the displacement's length.
    propensity_halves : (2, T, N) float32 or None, the same over even and odd trajectories.
    tendency : (T, N, d) float32 or None, mean displacement vector.
    bonds : (2, E) int32 or None, pairs i < j closer than the bond cutoff at t = 0.
    bond_change : (T, E) float32 or None, mean change of the pair distance.
    bond_change_halves : (2, T, E) float32 or None, the same over even and odd trajectories.
    bond_breaking : (T, N) float32 or None, mean share of first neighbours kept.
    neighbour_relative, nonaffine : (T, N) float32 or None, R_i and D_i of Shiba et al.,
        J. Chem. Phys. 158, 084503 (2023).
    added : arrays ``x_NAME`` of add-ins, (N, ...) or (T, N, ...), carried along.
    metadata : species, state point, origin, source, ...; a mapping of such keys, or one with
        ``liquid``, ``temperature`` and ``pressure`` at its top, becomes one.

    Raises
    ------
    ShapeError : naming the field, if shapes disagree, values are not finite, a particle lies
        outside the box, or times do not increase.
    """

    name: str
    positions: NDArray[np.float64]
    types: NDArray[np.int8]
    box: NDArray[np.float64]
    ids: NDArray[np.int64] | None = None
    inherent: NDArray[np.float64] | None = None
    cage: NDArray[np.float64] | None = None
    times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    runs: NDArray[np.int32] | None = None
    propensity: NDArray[np.float32] | None = None
    propensity_halves: NDArray[np.float32] | None = None
    tendency: NDArray[np.float32] | None = None
    bonds: NDArray[np.int32] | None = None
    bond_change: NDArray[np.float32] | None = None
    bond_change_halves: NDArray[np.float32] | None = None
    bond_breaking: NDArray[np.float32] | None = None
    neighbour_relative: NDArray[np.float32] | None = None
    nonaffine: NDArray[np.float32] | None = None
    added: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    metadata: Metadata = field(default_factory=Metadata)

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        for key, spec in FIELDS.items():
            value = getattr(self, key)
            if value is None:
                if key in REQUIRED:
                    raise ShapeError(f"'{key}' is required")
                continue
            object.__setattr__(self, key, checked_array(key, value, spec, sizes))
        if self.dimension not in (2, 3):
            raise ShapeError(f"'positions' must have 2 or 3 columns, got {self.dimension}")
        if np.any(self.box <= 0):
            raise ShapeError(f"'box' sides must be positive, got {self.box.tolist()}")
        if len(self.types) and self.types.min() < 0:
            raise ShapeError("'types' must count species from 0")
        if self.ids is not None and np.any(np.diff(self.ids) <= 0):
            row = int(np.argmax(np.diff(self.ids) <= 0))
            raise ShapeError(
                f"'ids' must ascend, got {self.ids[row]} before {self.ids[row + 1]}; sort by them"
            )
        for key in POSITIONS:
            value = getattr(self, key)
            if value is not None and np.any((value < 0) | (value >= self.box)):
                bad = int(np.argmax(np.any((value < 0) | (value >= self.box), axis=1)))
                raise ShapeError(
                    f"'{key}': particle {bad} at {value[bad].tolist()} lies outside the box "
                    f"{self.box.tolist()}; wrap positions into [0, L)"
                )
        if (
            self.bonds is not None
            and self.bonds.size
            and (self.bonds.min() < 0 or self.bonds.max() >= self.size)
        ):
            raise ShapeError("'bonds' names particles that do not exist")
        if (self.bond_change is None) != (self.bonds is None):
            raise ShapeError("'bonds' and 'bond_change' belong together")
        for key in ("propensity", "bond_change"):
            if getattr(self, f"{key}_halves") is not None and getattr(self, key) is None:
                raise ShapeError(f"'{key}_halves' without '{key}'")
        self._check_runs()
        object.__setattr__(self, "added", {k: self._extra(k, v) for k, v in self.added.items()})
        object.__setattr__(self, "metadata", self._told())
        self._check_times()

    def _check_times(self) -> None:
        """Refuse times that fall; of stages two may share a frame, and one may not be reached."""
        stages, times = self.metadata.stages, self.times
        if stages is None:
            if np.any(np.diff(times) <= 0) or np.any(times < 0) or np.isnan(times).any():
                raise ShapeError(f"'times' must increase from 0 up, got {times.tolist()}")
            return
        if len(stages.values) != len(times):
            raise ShapeError(f"{len(times)} times for {len(stages.values)} stages")
        reached = times[~np.isnan(times)]
        if np.any(np.diff(reached) < 0) or np.any(reached < 0):
            raise ShapeError(f"'times' of stages must not fall, got {times.tolist()}")

    def _check_runs(self) -> None:
        if self.runs is None:
            return
        if np.any(self.runs < 0):
            raise ShapeError(f"'runs' are not negative, got {self.runs.tolist()}")
        for key in LABELS:
            if np.any(self.known_rows(key) & (self.runs == 0)):
                raise ShapeError(f"'{key}' has a value where 'runs' says that no run was made")

    def _extra(self, key: str, value: Any) -> NDArray[Any]:
        array = np.asarray(value)
        rows = (len(self.times), self.size)
        if not key.startswith(ADDED) or array.dtype.kind not in "fiub":
            raise ShapeError(f"'{key}' is not numbers under a name that begins with '{ADDED}'")
        if array.shape[:1] != rows[1:] and array.shape[:2] != rows:
            raise ShapeError(f"'{key}' must have shape (N, ...) or (T, N, ...), got {array.shape}")
        view = array.view()
        view.flags.writeable = False
        return view

    def _told(self) -> Metadata:
        """Metadata, the density and composition of which are always those of the arrays."""
        told: Metadata | Mapping[str, Any] = self.metadata
        if not isinstance(told, Metadata):
            told = Metadata.of(told, tuple(self.times.tolist()))
        point = told.state_point
        if point.density is None and not point.composition:
            return told
        return told.changed(
            state_point=StatePoint(point.liquid, point.temperature, pressure=point.pressure)
        )

    @classmethod
    def from_arrays(
        cls,
        positions: ArrayLike,
        types: ArrayLike,
        box: ArrayLike,
        *,
        name: str = "snapshot",
        liquid: str | None = None,
        temperature: float | None = None,
        **fields: Any,
    ) -> Configuration:
        """Make a configuration from plain arrays.

        Parameters
        ----------
        positions : (N, d) in sigma, anywhere; wrapped into the box here, as are ``inherent`` and
            ``cage`` if they are given.
        types : (N,) whole numbers, species 0 = A, 1 = B, ...
        box : one side for a cube (a square), or (d,) sides, in sigma.
        liquid, temperature : of the snapshot, where they are known.
        fields : any other field of this class.

        Raises
        ------
        ShapeError : naming the field that cannot be used.
        """
        points = _numbers("positions", positions)
        if points.ndim != 2:
            raise ShapeError(f"'positions' must have shape (N, d), got {points.shape}")
        sides = _numbers("box", box)
        if sides.ndim == 0:
            sides = np.repeat(sides, points.shape[1])
        if sides.shape != points.shape[1:] or np.any(sides <= 0):
            raise ShapeError(
                f"'box' must be one positive side or {points.shape[1]}, got {sides.tolist()}"
            )
        for key in ("inherent", "cage"):
            if fields.get(key) is not None:
                fields[key] = wrap(_numbers(key, fields[key]), sides)
        species = np.asarray(types)
        if species.dtype.kind == "f" and np.array_equal(species, species.astype(np.int64)):
            species = species.astype(np.int64)
        metadata = fields.pop("metadata", Metadata())
        if not isinstance(metadata, Metadata):
            metadata = Metadata.of(metadata)
        told = metadata.state_point
        stated = replace(
            told, liquid=liquid or told.liquid, temperature=temperature or told.temperature
        )
        return cls(
            name=name,
            positions=wrap(points, sides),
            types=species,
            box=sides,
            metadata=metadata.changed(state_point=stated),
            **fields,
        )

    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what tells a configuration from others, in a few words each."""
        counts = np.bincount(self.types, minlength=1)
        names = self.species_names
        mixture = " ".join(f"{n} {names[s]}" for s, n in enumerate(counts) if n)
        shape = " x ".join(f"{side:.5g}" for side in self.box)
        found = [("name", self.name), ("particles", mixture), ("box", shape)]
        point = self.metadata.state_point
        told = (("liquid", point.liquid_name), ("temperature", point.temperature))
        found += [(key, str(value)) for key, value in told if value is not None]
        if len(self.times):
            found.append(self.stages.fact())
        extra = [k for k, _ in self.arrays() if k not in (*REQUIRED, "times")]
        return [*found, ("fields", " ".join(extra))] if extra else found

    def to_pandas(self) -> Any:
        """Return a data frame, one row a particle: species, positions, and each label by time.

        Raises
        ------
        MissingExtraError : without pandas.
        """
        pandas = import_optional("pandas", "to_pandas")
        columns: dict[str, Any] = {"species": [self.species_names[s] for s in self.types]}
        columns |= {axis: self.positions[:, k] for k, axis in enumerate("xyz"[: self.dimension])}
        for key in TARGETS:
            values = getattr(self, key)
            if values is not None:
                rows = zip(self.stages.labels, values, strict=True)
                columns |= {f"{key}_{label}": row for label, row in rows}
        return pandas.DataFrame(columns)

    def to_ase(self, species: Sequence[str] | None = None) -> Any:
        """Return ``ase.Atoms`` in units of sigma, periodic; labels as arrays of the atoms.

        Parameters
        ----------
        species : chemical symbol of each species, as ``("Ni", "P")``. Without it the symbols are
            X and the array ``type`` holds the species by number, from 1.

        Raises
        ------
        MissingExtraError : without ASE.
        ShapeError : if there are fewer symbols than species.
        """
        atoms = import_optional("ase", "to_ase").Atoms
        flat = 3 - self.dimension
        if species is not None and len(species) <= int(self.types.max(initial=0)):
            raise ShapeError(f"'species' names {len(species)} species, {self.name} has more")
        made = atoms(
            symbols=["X" if species is None else species[s] for s in self.types],
            positions=np.pad(self.positions, ((0, 0), (0, flat))),
            cell=[*self.box, *[1.0] * flat],
            pbc=[True] * self.dimension + [False] * flat,
        )
        made.new_array("type", self.types.astype(np.int64) + 1)
        for key in TARGETS:
            values = getattr(self, key)
            if values is not None:
                made.new_array(key, values.T.astype(np.float64))
        made.info["name"] = self.name
        return made

    def to_torch(self) -> dict[str, Any]:
        """Return every array that is present as a tensor of its own memory, by field."""
        torch = import_optional("torch", "to_torch")
        return {key: torch.from_numpy(value.copy()) for key, value in self.arrays()}

    def to_pyg(self, cutoff: float = 2.0) -> Any:
        """Return ``torch_geometric.data.Data``: particles, edges closer than a cutoff, labels.

        ``pos`` (N, d), ``x`` (N,) species, ``edge_index`` (2, E) from sender to receiver,
        ``edge_attr`` (E, d) vector from receiver to sender by the image meant, ``y`` (N, T)
        propensity where it is known, ``box`` (1, d).

        Raises
        ------
        MissingExtraError : without torch-geometric.
        """
        torch = import_optional("torch", "to_pyg")
        data = import_optional("torch_geometric.data", "to_pyg").Data
        edges = find_neighbours(self.positions, self.box, cutoff)
        ends = np.stack([edges.senders, edges.receivers])
        labels = (
            {} if self.propensity is None else {"y": torch.from_numpy(self.propensity.T.copy())}
        )
        return data(
            pos=torch.from_numpy(self.positions.copy()),
            x=torch.from_numpy(self.types.astype(np.int64)),
            edge_index=torch.from_numpy(ends),
            edge_attr=torch.from_numpy(edges.vectors),
            box=torch.from_numpy(self.box.copy())[None],
            **labels,
        )

    @property
    def size(self) -> int:
        """Number of particles N."""
        return len(self.positions)

    @property
    def dimension(self) -> int:
        """Dimension d of space."""
        return int(self.positions.shape[1])

    @property
    def species(self) -> tuple[int, ...]:
        """The species that occur, ascending."""
        return tuple(int(s) for s in np.unique(self.types))

    @property
    def density(self) -> float:
        """Number density N / V."""
        return float(self.size / np.prod(self.box))

    @property
    def state_point(self) -> StatePoint:
        """Liquid, temperature and pressure as told, density and composition of the arrays."""
        density = float(f"{self.density:.8g}")
        counts = np.bincount(self.types) / max(1, self.size)
        shares = tuple((round(float(c), 6),) * 2 for c in counts)
        told = self.metadata.state_point
        return replace(told, density=(density, density), composition=shares)

    @property
    def stages(self) -> Stages:
        """What the rows of labels are."""
        return self.metadata.stages or Stages(values=tuple(self.times.tolist()))

    @property
    def species_names(self) -> tuple[str, ...]:
        """Names of species 0, 1, ...: as told, else those of the built-in liquid, else A, B, ..."""
        count = int(self.types.max(initial=0)) + 1
        told = self.metadata.species
        if len(told) >= count:
            return told
        return species_names(count, self.metadata.state_point.liquid)

    @property
    def equilibrium(self) -> dict[EquilibriumField, Equilibrium]:
        """How the equilibrium positions that are present were made."""
        told, unknown = self.metadata.equilibrium, Equilibrium(by="given")
        return {
            key: told.get(key, unknown)
            for key in EQUILIBRIUM_POSITIONS
            if getattr(self, key) is not None
        }

    @property
    def parent(self) -> str:
        """Name of the configuration that this one was made from; its own name if of none."""
        return self.metadata.origin.parent or self.name

    @property
    def root(self) -> str | None:
        """First 16 hex digits of the fingerprint of what its family descends from, if known."""
        origin = self.metadata.origin
        return self.fingerprint()[:16] if origin.kind == "start" else origin.root

    def known_rows(self, label: str) -> NDArray[np.bool_]:
        """Whether a label has values at each time: (T,); False throughout where it is absent."""
        values = getattr(self, label)
        if values is None:
            return np.zeros(len(self.times), dtype=bool)
        return finite_rows(label, values)

    def structure(self, field: str) -> NDArray[np.float64]:
        """Positions (N, d) in one of the fields ``positions``, ``inherent``, ``cage``.

        Raises
        ------
        ShapeError : if the configuration lacks them.
        """
        positions: NDArray[np.float64] | None = getattr(self, field)
        if positions is None:
            raise ShapeError(f"{self.name} has no '{field}' positions")
        return positions

    def displacement_to(self, field: str) -> NDArray[np.float64]:
        """Displacement from the snapshot to its equilibrium positions, minimum image.

        Parameters
        ----------
        field : ``inherent`` or ``cage``.

        Returns
        -------
        (N, d) float64, in sigma; its length is how far a particle is from where it belongs.

        Raises
        ------
        ShapeError : if the configuration lacks these positions.
        """
        return minimum_image(self.structure(field) - self.positions, self.box)

    def fingerprint(self, field: str = "positions") -> str:
        """SHA-256 of where the particles are: of positions in a field, types and box."""
        arrays = (self.structure(field), self.types, self.box)
        return sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()

    def checksum(self) -> str:
        """SHA-256 of everything but the name: all arrays that are present, and the metadata."""
        told = self.metadata.to_json() | {"state_point": self.metadata.state_point.record()}
        found = sha256(json.dumps(told, sort_keys=True).encode())
        for key, array in (*self.arrays(), *self.added.items()):
            found.update(f"{key} {array.shape} ".encode())
            found.update(array.tobytes())
        return found.hexdigest()

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Name and array of every field that is present, in declared order."""
        for key in FIELDS:
            value = getattr(self, key)
            if value is not None:
                yield key, value

    def with_fields(self, **changes: Any) -> Configuration:
        """Return a copy with some fields replaced, checked again."""
        return replace(self, **changes)

    def at_times(self, indices: list[int]) -> Configuration:
        """Return a copy that keeps only the given rows of every time-resolved field."""
        changes: dict[str, Any] = {}
        for key, spec in FIELDS.items():
            value = getattr(self, key)
            if value is not None and spec.in_rows:
                taken = np.take(value, indices, axis=spec.shape.index("T"))
                lost = key in LABELS and not self.known_rows(key)[indices].any()
                changes[key] = None if lost else taken
        if changes.get("bond_change", self) is None:
            changes["bonds"] = None
        rows = (len(self.times), self.size)
        added = {k: v[indices] if v.shape[:2] == rows else v for k, v in self.added.items()}
        stages = self.metadata.stages
        metadata = self.metadata.changed(stages=None if stages is None else stages.taken(indices))
        return replace(self, added=added, metadata=metadata, **changes)

    def with_times(self, times: Sequence[float]) -> Configuration:
        """Return a copy with rows at these times, or values of stages; NaN where it has none.

        Raises
        ------
        ShapeError : if it has none of them.
        """
        stages = self.stages
        found = {k: row for k, t in enumerate(times) if (row := stages.row_of(t)) is not None}
        here = list(found)
        if not here and len(times):
            self.time_index(times[0])
        taken = self.at_times(list(found.values()))
        if len(here) == len(times):
            return taken
        changes: dict[str, Any] = {"times": np.array(times, dtype=np.float64)}
        if stages.by != "time":
            own = np.full(len(times), np.nan)
            own[here] = taken.times
            whole = stages.model_copy(update={"values": tuple(times), "source": None})
            changes |= {"times": own, "metadata": taken.metadata.changed(stages=whole)}
        for key, spec in FIELDS.items():
            value = getattr(taken, key)
            if key != "times" and value is not None and spec.in_rows:
                axis = spec.shape.index("T")
                shape = (*value.shape[:axis], len(times), *value.shape[axis + 1 :])
                filled = np.full(shape, 0 if key == "runs" else np.nan, dtype=value.dtype)
                np.moveaxis(filled, axis, 0)[here] = np.moveaxis(value, axis, 0)
                changes[key] = filled
        held, size = taken.added.items(), (len(here), self.size)
        return replace(taken, added={k: v for k, v in held if v.shape[:2] != size}, **changes)

    def by_stages(self, stages: Stages, rows: Sequence[int | None]) -> Configuration:
        """Return a copy whose rows are stages of relaxation.

        Parameters
        ----------
        stages : in order of time.
        rows : of now, which each stage is taken at; None: not reached, labels are NaN.
        """
        reached = [k for k, row in enumerate(rows) if row is not None]
        changes: dict[str, Any] = {"metadata": self.metadata.changed(stages=stages)}
        for key, spec in FIELDS.items():
            value = getattr(self, key)
            if value is None or not spec.in_rows:
                continue
            axis = spec.shape.index("T")
            shape = (*value.shape[:axis], len(rows), *value.shape[axis + 1 :])
            whole = np.full(shape, 0 if key == "runs" else np.nan, dtype=value.dtype)
            taken = np.take(value, [row for row in rows if row is not None], axis=axis)
            np.moveaxis(whole, axis, 0)[reached] = np.moveaxis(taken, axis, 0)
            changes[key] = whole
            if key in LABELS and not finite_rows(key, whole).any():
                changes[key] = None
        if changes.get("bond_change", self) is None:
            changes["bonds"] = None
        by_row = (len(self.times), self.size)
        added = {k: v for k, v in self.added.items() if v.shape[:2] != by_row}
        return replace(self, added=added, **changes)

    def reordered(self, order: NDArray[np.intp]) -> Configuration:
        """Return a copy with the particles in another order: i is the ``order[i]`` of now.

        Pairs stay sorted. ``ids`` go unless they still ascend.
        """
        changes: dict[str, Any] = {}
        for key, spec in FIELDS.items():
            value = getattr(self, key)
            if value is not None and "N" in spec.shape:
                changes[key] = np.take(value, order, axis=spec.shape.index("N"))
        if self.ids is not None and np.any(np.diff(changes["ids"]) <= 0):
            changes["ids"] = None
        if self.bonds is not None:
            pairs = np.sort(np.argsort(order)[self.bonds], axis=0)
            by_pair = np.lexsort(pairs[::-1])
            changes["bonds"] = pairs[:, by_pair]
            for key in ("bond_change", "bond_change_halves"):
                value = getattr(self, key)
                changes[key] = None if value is None else value[..., by_pair]
        rows = (len(self.times), self.size)
        added = {k: v[:, order] if v.shape[:2] == rows else v[order] for k, v in self.added.items()}
        return replace(self, added=added, **changes)

    def time_index(self, time: float) -> int:
        """Row of a time, or of the value of a stage, to one part in a thousand.

        Raises
        ------
        ShapeError : if it is not among those of the rows.
        """
        stages = self.stages
        row = stages.row_of(time)
        if row is None:
            known = listed(stages.values)
            what = "time" if stages.by == "time" else stages.quantity
            raise ShapeError(f"{self.name}: no {what} {time:g}; known {what}s: {known}")
        return row


def _numbers(key: str, values: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"'{key}' must hold numbers ({error})") from None
