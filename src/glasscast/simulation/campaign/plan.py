"""What a data generation consists of: tasks, the files they make, and when a file may be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from glasscast.datasets.kept import fingerprint_of, is_kept, kept_record
from glasscast.datasets.precision import COORDINATES, SHARES
from glasscast.datasets.splits import split_sizes
from glasscast.errors import SettingsError
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.cage import cage_marks
from glasscast.simulation.campaign.starts import Start, find_starts
from glasscast.simulation.chains import frames, origins
from glasscast.simulation.engine import Engine, steps_of
from glasscast.simulation.isoconfigurational import blocks
from glasscast.simulation.registry import DEFAULT, build, deciding
from glasscast.simulation.settings import SimulationSettings

#: Folders of what is kept between tasks, below that of the data.
SNAPSHOTS, RESULTS = "snapshots", "parts"
Result = Literal["production", "inherent", "cage"]
#: Between the name of a configuration and the number of a run, in names of files.
RUN = ".run-"


@dataclass(frozen=True)
class Plan:
    """Settings, the liquid they name and the folder of the results.

    Every file carries the fingerprint of all that decides its content; a file is kept if its
    fingerprint is the wanted one, else made anew. How many workers or threads there are, and how
    many configurations are asked for, is not part of it.

    Parameters
    ----------
    settings : of the whole generation.
    liquid_settings : the content of the liquid file.
    folder : of the results.
    """

    settings: SimulationSettings
    liquid_settings: LiquidSettings
    folder: Path

    @classmethod
    def make(cls, settings: SimulationSettings, folder: Path) -> Plan:
        """Resolve liquid and starts, and check what can be known to fail.

        Raises
        ------
        SettingsError : for an unknown liquid, a temperature at which it is not what it stands for,
            or times that a step cannot tell apart.
        InputError : if a start cannot be used.
        """
        plan = cls(settings, load_liquid_settings(settings.liquid), folder)
        plan.liquid.check_temperature(settings.temperature)
        _ = plan.steps
        _ = plan.starts  # read and checked now, once
        plan.splits()
        return plan

    @property
    def liquid(self) -> Liquid:
        """The liquid."""
        return self.liquid_settings.liquid()

    @property
    def engine(self) -> Engine:
        """The engine."""
        return build(self.settings.engine)

    @property
    def step(self) -> float:
        """The time step."""
        return self.engine.time_step(self.liquid)

    @property
    def runs(self) -> int:
        """Runs from each configuration that a run starts from."""
        return 1 if self.settings.chain is not None else self.settings.runs

    @property
    def steps(self) -> list[int]:
        """Time steps at which runs are looked at: those of the labels, or all frames of a chain."""
        s = self.settings
        if s.chain is None:
            return steps_of(s.times, self.step)
        return frames(s.chain, s.times, self.step)

    @property
    def kept_steps(self) -> list[int]:
        """Time steps at which the state of runs is kept; the last one is their end."""
        if self.settings.chain is None:
            return self.steps
        return sorted({*origins(self.settings.chain, self.step)[1:], self.steps[-1]})

    @property
    def density(self) -> float:
        """Number density of the settings, else the liquid's own."""
        return self.settings.density or self.liquid_settings.density

    @property
    def configurations(self) -> int:
        """How many configurations there will be."""
        return self.settings.configurations if self.starts is None else len(self.starts)

    @cached_property
    def starts(self) -> tuple[Start, ...] | None:
        """Configurations to start from; None where they are made."""
        s = self.settings
        if s.starts is None:
            return None
        return find_starts(s.starts, self.liquid, self.density, s.cage)

    @property
    def chains(self) -> int:
        """How many independent quenches."""
        equilibration = self.settings.equilibration
        if equilibration is None or equilibration.chains is None:
            return self.configurations
        return min(equilibration.chains, self.configurations)

    def chain_of(self, configuration: int) -> tuple[int, int]:
        """Chain of a configuration and its place in the chain, both from 0."""
        return configuration % self.chains, configuration // self.chains

    def name(self, configuration: int) -> str:
        """Name of a configuration: that of its start, with its number where several share it."""
        if self.starts is None:
            return f"{self.settings.name}-{configuration:04d}"
        name = self.starts[configuration].name
        shared = sum(start.name == name for start in self.starts) > 1
        return f"{name}-{configuration:04d}" if shared else name

    def snapshot_path(self, configuration: int) -> Path:
        """File of the equilibrated state a configuration starts from."""
        return self.folder / SNAPSHOTS / f"{self.name(configuration)}.npz"

    def way_path(self, configuration: int) -> Path:
        """File from which the making of a snapshot goes on."""
        return self.snapshot_path(configuration).with_suffix(".state.npz")

    def result_path(self, configuration: int, result: str) -> Path:
        """File of one result: production, inherent or cage."""
        return self.folder / RESULTS / f"{self.name(configuration)}.{result}.npz"

    def run_path(self, configuration: int, first: int) -> Path:
        """File of the ended runs of one block, by the first of them, until all are averaged."""
        return self.folder / RESULTS / f"{self.name(configuration)}{RUN}{first:04d}.npz"

    def state_path(self, configuration: int, first: int) -> Path:
        """File from which the runs of one block go on."""
        return self.run_path(configuration, first).with_suffix(".state.npz")

    def size(self, configuration: int) -> int:
        """Particles of a configuration."""
        return self.settings.particles or (self.starts[configuration].size if self.starts else 0)

    def results(self) -> tuple[Result, ...]:
        """Results that the settings ask for."""
        s = self.settings
        wanted: dict[Result, Any] = {
            "production": True,
            "inherent": s.inherent,
            "cage": s.cage,
        }
        return tuple(result for result, settings in wanted.items() if settings)

    def snapshot_print(self, configuration: int) -> str:
        """Fingerprint of the state a configuration starts from."""
        s = self.settings
        if self.starts is not None:
            start = self.starts[configuration]
            frame = {} if start.only else {"frame": start.frame}
            return fingerprint_of({"start": start.checksum, "liquid": self._liquid()} | frame)
        assert s.equilibration is not None
        equilibration = s.equilibration.model_dump(exclude={"chains", "between"})
        chain, place = self.chain_of(configuration)
        return fingerprint_of(
            {
                "liquid": self._liquid(),
                "state": [s.temperature, s.density, s.pressure, s.particles, s.seed],
                "equilibration": equilibration,
                "between": s.equilibration.between if place else None,
                "chain": [chain, place],
            }
            | self._engine()
        )

    def result_print(self, configuration: int, result: str) -> str:
        """Fingerprint of one result."""
        s = self.settings
        content: dict[str, Any] = {"snapshot": self.snapshot_print(configuration), "part": result}
        if result == "production":
            content |= {
                "temperature": s.temperature,
                "times": list(s.times),
                "runs": s.runs,
                "seed": [s.seed, configuration],
                "trajectories": s.keep_trajectories,
            }
            content |= self._chain() | self._engine()
        elif result == "inherent" and s.inherent is not None:
            content |= {"inherent": s.inherent.model_dump()} | self._engine(moves=False)
        elif result == "cage" and s.cage is not None:
            content |= {
                "temperature": s.temperature,
                "seed": [s.seed, configuration],
            } | cage_marks(self.engine, self.liquid, s.cage)
        return fingerprint_of(content)

    def run_print(self, configuration: int, numbers: range) -> str:
        """Fingerprint of one block of runs; how many blocks there are is not part of it."""
        s = self.settings
        return fingerprint_of(
            {
                "snapshot": self.snapshot_print(configuration),
                "part": "runs",
                "runs": [numbers.start, numbers.stop],
                "temperature": s.temperature,
                "times": list(s.times),
                "seed": [s.seed, configuration],
            }
            | self._chain()
            | self._engine()
        )

    def fingerprint(self, configuration: int) -> str:
        """Fingerprint of a whole configuration; rounding belongs to it, not to its results."""
        content: dict[str, Any] = {
            result: self.result_print(configuration, result) for result in self.results()
        }
        if self.settings.compact:
            content["compact"] = [SHARES, COORDINATES]
        return fingerprint_of(content)

    def splits(self) -> dict[str, list[str]]:
        """Names of the configurations of each split, dealt chain by chain.

        At most one chain stands on both sides of a border, its later snapshots on the later side.
        """
        if self.settings.splits is None:
            return {}
        try:
            sizes = split_sizes(self.settings.splits, self.configurations)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        ordered = iter(sorted(range(self.configurations), key=self.chain_of))
        return {
            split: sorted(self.name(c) for c in islice(ordered, size))
            for split, size in sizes.items()
        }

    def missing(self, configuration: int) -> list[Result]:
        """Results of a configuration that are not there yet or do not match the settings."""
        return [
            result
            for result in self.results()
            if not is_kept(
                self.result_path(configuration, result), self.result_print(configuration, result)
            )
        ]

    def missing_runs(self, configuration: int) -> dict[range, int]:
        """Blocks of runs that have not come to their end: numbers -> time steps behind."""
        found = {}
        for numbers in blocks(self.engine, self.runs):
            mark = self.run_print(configuration, numbers)
            if not is_kept(self.run_path(configuration, numbers.start), mark):
                state = kept_record(self.state_path(configuration, numbers.start), mark)
                found[numbers] = int(state["step"]) if state else 0
        return found

    def has_snapshot(self, configuration: int) -> bool:
        """Whether the state a configuration starts from is there."""
        return is_kept(self.snapshot_path(configuration), self.snapshot_print(configuration))

    def snapshot_steps_left(self, configuration: int) -> int:
        """Time steps that are ahead on the way to a snapshot."""
        path, mark = self.way_path(configuration), self.snapshot_print(configuration)
        behind = (kept_record(path, mark) or {}).get("behind", 0)
        return self.snapshot_steps(configuration) - int(behind)

    def snapshot_steps(self, configuration: int) -> int:
        """Time steps of the molecular dynamics that make a snapshot."""
        equilibration = self.settings.equilibration
        if equilibration is None:
            return 0
        times = [equilibration.between]
        if self.chain_of(configuration)[1] == 0:
            times = [equilibration.hot_time, equilibration.quench_time, equilibration.time]
        return sum(round(t / self.step) for t in times)

    def run_steps(self, configuration: int) -> int:
        """Time steps that are ahead of the runs from one configuration, all together."""
        last = self.steps[-1]
        behind = self.missing_runs(configuration).items()
        return sum(len(numbers) * (last - step) for numbers, step in behind)

    def shard(self, shard: tuple[int, int]) -> Iterator[int]:
        """Yield the configurations of shard i of n; whole chains, so that shards need not wait.

        Raises
        ------
        SettingsError : unless 0 <= i < n.
        """
        index, count = shard
        if not 0 <= index < count:
            raise SettingsError(f"shard must be i/n with 0 <= i < n, got {index}/{count}")
        for configuration in range(self.configurations):
            if self.chain_of(configuration)[0] % count == index:
                yield configuration

    def _chain(self) -> dict[str, Any]:
        chain = self.settings.chain
        return {} if chain is None else {"chain": chain.model_dump()}

    def _liquid(self) -> dict[str, Any]:
        return self.liquid_settings.interactions() | {"density": self.density}

    def _engine(self, moves: bool = True) -> dict[str, Any]:
        """Tell what of the engine decides a result, laid out as in all results kept so far."""
        identity = deciding(self.engine, self.liquid, moves)
        name = {} if self.engine.name == DEFAULT else {"engine name": self.engine.name}
        return ({"engine": list(identity.values())} if moves else identity) | name
