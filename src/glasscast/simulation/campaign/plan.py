"""What a data generation consists of: tasks, the files they make, and when a file may be kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from glasscast.datasets.kept import fingerprint_of, is_kept
from glasscast.datasets.precision import COORDINATES, SHARES
from glasscast.datasets.splits import split_sizes
from glasscast.errors import SettingsError
from glasscast.liquid.definition import LiquidSettings, load_liquid_settings
from glasscast.liquid.interactions import Liquid
from glasscast.simulation.campaign.starts import Start, find_starts
from glasscast.simulation.lammps.commands import steps_of
from glasscast.simulation.settings import SimulationSettings


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
        SettingsError : for an unknown liquid, or times that a step cannot tell apart.
        InputError : if a start cannot be used.
        """
        liquid = load_liquid_settings(settings.liquid)
        steps_of(settings.time_table, settings.engine.time_step or liquid.time_step)
        plan = cls(settings, liquid, folder)
        _ = plan.starts  # read and checked now, once
        plan.splits()
        return plan

    @property
    def liquid(self) -> Liquid:
        """The liquid."""
        return self.liquid_settings.liquid()

    @property
    def step(self) -> float:
        """The time step."""
        return self.settings.engine.time_step or self.liquid_settings.time_step

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
        """Name of a configuration."""
        return f"{self.settings.name}-{configuration:04d}"

    def snapshot_path(self, configuration: int) -> Path:
        """File of the equilibrated state a configuration starts from."""
        return self.folder / "snapshots" / f"{self.name(configuration)}.npz"

    def part_path(self, configuration: int, part: str) -> Path:
        """File of one part of the result: production, inherent or cage."""
        return self.folder / "parts" / f"{self.name(configuration)}.{part}.npz"

    def parts(self) -> tuple[str, ...]:
        """Parts that the settings ask for."""
        s = self.settings
        wanted = {"production": True, "inherent": s.inherent, "cage": s.cage}
        return tuple(part for part, settings in wanted.items() if settings)

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
                "engine": [self.step, s.engine.skin],
            }
        )

    def part_print(self, configuration: int, part: str) -> str:
        """Fingerprint of one part of a result."""
        s = self.settings
        content: dict[str, Any] = {"snapshot": self.snapshot_print(configuration), "part": part}
        if part == "production":
            content |= {
                "temperature": s.temperature,
                "times": list(s.time_table),
                "runs": s.runs,
                "seed": [s.seed, configuration],
                "engine": [self.step, s.engine.skin],
                "trajectories": s.keep_trajectories,
            }
        elif part == "inherent" and s.inherent is not None:
            content |= {"inherent": s.inherent.model_dump(), "skin": s.engine.skin}
        elif part == "cage" and s.cage is not None:
            content |= {
                "cage": s.cage.model_dump(),
                "temperature": s.temperature,
                "seed": [s.seed, configuration],
            }
        return fingerprint_of(content)

    def fingerprint(self, configuration: int) -> str:
        """Fingerprint of a whole configuration; rounding belongs to it, not to its parts."""
        content: dict[str, Any] = {p: self.part_print(configuration, p) for p in self.parts()}
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

    def missing_parts(self, configuration: int) -> list[str]:
        """Parts of a configuration that are not there yet or do not match the settings."""
        return [
            part
            for part in self.parts()
            if not is_kept(
                self.part_path(configuration, part), self.part_print(configuration, part)
            )
        ]

    def has_snapshot(self, configuration: int) -> bool:
        """Whether the state a configuration starts from is there."""
        return is_kept(self.snapshot_path(configuration), self.snapshot_print(configuration))

    def snapshot_steps(self, configuration: int) -> int:
        """Time steps of the molecular dynamics that make a snapshot."""
        equilibration = self.settings.equilibration
        if equilibration is None:
            return 0
        times = [equilibration.between]
        if self.chain_of(configuration)[1] == 0:
            times = [equilibration.hot_time, equilibration.quench_time, equilibration.time]
        return sum(round(t / self.step) for t in times)

    def production_steps(self) -> int:
        """Time steps of the runs from one configuration."""
        return self.settings.runs * round(self.settings.time_table[-1] / self.step)

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

    def _liquid(self) -> dict[str, Any]:
        return self.liquid_settings.model_dump(
            exclude={"notes", "density", "name", "time_step"}
        ) | {"density": self.density}
