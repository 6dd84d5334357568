"""The typed settings of a data generation: one YAML file says all that decides the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from glasscast.config import Choice, Settings
from glasscast.datasets.metadata import Equilibrium
from glasscast.datasets.published import TIME_TABLES
from glasscast.datasets.records import EquilibriumField
from glasscast.datasets.splits import split_sizes
from glasscast.errors import SettingsError
from glasscast.liquid.definition import is_liquid_file
from glasscast.simulation.registry import ChosenEngine, default_settings


class EquilibrationSettings(Settings):
    """The way from a lattice to equilibrated, decorrelated snapshots.

    The defaults follow Shiba et al., J. Chem. Phys. 158, 084503 (2023): hot at T = 5, a quench
    in 20, then Nose-Hoover. ``time`` is to be about 40 relaxation times.
    """

    hot_temperature: float = Field(default=5.0, gt=0)
    hot_time: float = Field(default=100.0, ge=0, description="t_h; 1e4 in the paper")
    quench_time: float = Field(default=20.0, ge=0, description="t_cool")
    time: float = Field(ge=0, description="with the thermostat at the target temperature")
    between: float = Field(
        default=0.0, ge=0, description="time between snapshots of one chain; >= 10 tau_alpha"
    )
    chains: int | None = Field(
        default=None, ge=1, description="independent quenches; default: one a configuration"
    )
    damping: float = Field(default=0.5, gt=0, description="Nose-Hoover time constant")
    pressure_damping: float = Field(default=5.0, gt=0, description="barostat time constant")
    expansion: float = Field(
        default=1.0,
        ge=1,
        description="linear factor of the box while hot, removed in the quench; 1.1 for hard "
        "spheres, whose lattice would not melt at the final density",
    )


class InherentSettings(Settings):
    """Minimisation to the inherent structure."""

    force_tolerance: float = Field(default=1e-8, gt=0, description="largest force on a particle")
    iterations: int = Field(default=20000, ge=1)


class MonteCarloCage(Settings):
    """Restricted Monte Carlo to the cage state; see :mod:`glasscast.simulation.cage`.

    The radius is the one whose mean positions tell most about the motion: over a real Kob-Andersen
    configuration (T = 0.44, N = 4096, species A) the distance from snapshot to cage state and the
    propensity at t = 13 correlate by 0.667, 0.751, 0.788, 0.800 and 0.799 for R_cage = 0.30, 0.35,
    0.40, 0.45 and 0.50.
    """

    by: Literal["monte-carlo"] = "monte-carlo"
    radius: float = Field(default=0.45, gt=0, description="R_cage, in sigma of species A")
    burn_in: int = Field(default=500, ge=0, description="cycles before averaging")
    cycles: int = Field(default=12000, ge=1, description="averaged over; networks gain from more")
    stride: int = Field(default=5, ge=1, description="cycles between samples")
    step: float = Field(default=0.08, gt=0, description="first half-width of a trial move")
    acceptance: float = Field(default=0.4, gt=0, lt=1, description="aimed at in the burn-in")

    def deciding(self) -> dict[str, Any]:
        """Tell what decides the result, laid out as in all results kept so far."""
        return self.model_dump(exclude={"by"})


class RunsCage(Settings):
    """Mean positions at the end of a few short runs; see :mod:`glasscast.simulation.cage`."""

    by: Literal["runs"] = "runs"
    runs: int = Field(default=8, ge=2)
    time: float = Field(default=4.0, gt=0, description="of each, past the vibrations")

    def deciding(self) -> dict[str, Any]:
        """Tell what decides the result."""
        return self.model_dump()


CageSettings = MonteCarloCage | RunsCage


def _cage_class(by: str) -> type[CageSettings]:
    kinds: dict[str, type[CageSettings]] = {"monte-carlo": MonteCarloCage, "runs": RunsCage}
    if by not in kinds:
        raise SettingsError(f"cages are found by {' or '.join(kinds)}, not '{by}'")
    return kinds[by]


#: A way to cage states by name or with its settings, as a key of a settings file.
ChosenCage = Annotated[
    CageSettings, Choice(_cage_class, "a cage state", default="monte-carlo", key="by")
]


class EquilibriumSettings(Settings):
    """Equilibrium positions that are asked for; None leaves that field alone."""

    inherent: InherentSettings | None = None
    cage: ChosenCage | None = None

    @model_validator(mode="before")
    @classmethod
    def _sections(cls, content: Any) -> Any:
        """Let ``inherent: true`` and ``cage: true`` mean their defaults, ``false`` none."""
        if isinstance(content, dict):
            content = dict(content)
            for key in ("inherent", "cage"):
                if content.get(key) is True:
                    content[key] = {}
                elif content.get(key) is False:
                    content[key] = None
        return content

    @classmethod
    def like(cls, made: Mapping[EquilibriumField, Equilibrium], fields: Iterable[str]) -> Self:
        """Ask for some fields as others were found; by the defaults where that is unknown.

        Parameters
        ----------
        made : how the fields were found.
        fields : of ``inherent`` and ``cage``, those to find.
        """
        asked: dict[str, Any] = dict.fromkeys(fields, True)
        for field, how in made.items():
            if field in asked and how.by != "given":
                known = how.model_dump(include=_SHARED[field], exclude_none=True)
                asked[field] = known
        return cls(**asked)


#: What settings and the record of how a field was made have in common.
_SHARED: dict[str, set[str]] = {
    "inherent": {"force_tolerance"},
    "cage": {"by", "radius", "cycles", "runs", "time"},
}


class ChainSettings(Settings):
    """One long run from each start, instead of an ensemble of runs; see ``simulation.chains``."""

    length: float = Field(gt=0, description="of the run, many relaxation times")
    every: float = Field(gt=0, description="between the configurations on it")

    @model_validator(mode="after")
    def _several(self) -> Self:
        if self.length < self.every:
            raise ValueError("the length of a chain is at least the time between configurations")
        return self


def _table(times: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Let a name stand for a published table."""
    if not isinstance(times, str):
        return check(times)
    if times not in TIME_TABLES:
        raise ValueError(f"there is no table '{times}'; known: {', '.join(sorted(TIME_TABLES))}")
    return TIME_TABLES[times]


class SimulationSettings(EquilibriumSettings):
    """Everything that decides a generated data set.

    Give ``density`` or ``pressure`` or neither (the liquid's own density); give ``equilibration``
    or ``starts``.
    """

    renamed: ClassVar[Mapping[str, str]] = {"preset": "times"}

    name: str = Field(default="glass", pattern=r"^[A-Za-z0-9._-]+$")
    liquid: str = Field(default="ka", description="built-in name or the path of a YAML file")
    temperature: float = Field(gt=0)
    density: float | None = Field(default=None, gt=0)
    pressure: float | None = Field(default=None, description="equilibrate at constant pressure")
    particles: int | None = Field(default=None, ge=2)
    configurations: int = Field(default=1, ge=1)
    runs: int = Field(default=32, ge=2)
    times: Annotated[tuple[float, ...], WrapValidator(_table)] = Field(
        description="of the labels; or the name of a published table, such as glassbench-ka-T0.44"
    )
    chain: ChainSettings | None = Field(
        default=None, description="one long run from each start instead of ``runs`` short ones"
    )
    seed: int = Field(default=1, ge=0)
    equilibration: EquilibrationSettings | None = None
    starts: tuple[str, ...] | None = Field(
        default=None,
        description="configurations to start from instead: files of any readable format, folders "
        "of them, or datasets",
    )
    inherent: InherentSettings | None = InherentSettings()
    engine: ChosenEngine = Field(default_factory=default_settings)
    keep_trajectories: bool = False
    compact: bool = Field(
        default=False, description="round labels far below their error: a third of the space"
    )
    splits: dict[str, PositiveInt | PositiveFloat] | None = Field(
        default=None,
        description="named shares of the dataset: all numbers of configurations, or all fractions; "
        "as few chains as possible stand on two sides",
    )

    @model_validator(mode="before")
    @classmethod
    def _chain(cls, content: Any) -> Any:
        """Leave equilibrium positions of the starts alone where frames are what is learned from."""
        if isinstance(content, dict) and content.get("chain"):
            return {"inherent": None} | content
        return content

    @model_validator(mode="after")
    def _consistent(self) -> SimulationSettings:
        if self.chain is not None:
            if self.inherent is not None or self.cage is not None:
                raise ValueError("the frames of a chain get equilibrium positions afterwards")
            if self.keep_trajectories:
                raise ValueError("a chain is kept anyway; leave keep_trajectories out")
        times = self.times
        if not times or times[0] <= 0 or any(b <= a for a, b in pairwise(times)):
            raise ValueError(f"times must be positive and increase, got {list(times)}")
        if self.density is not None and self.pressure is not None:
            raise ValueError("give either density or pressure, not both")
        if self.splits is not None and self.starts is None:
            split_sizes(self.splits, self.configurations)
        if (self.equilibration is None) == (self.starts is None):
            raise ValueError("give either equilibration or starts")
        if self.equilibration is not None and self.particles is None:
            raise ValueError("particles: needed to make configurations")
        if self.equilibration is not None:
            chains = self.equilibration.chains
            if chains and chains < self.configurations and self.equilibration.between == 0:
                raise ValueError("equilibration.between must be positive with fewer chains")
        return self

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """Return the settings with starts, a liquid and an engine of one's own changed."""
        update: dict[str, Any] = {"engine": self.engine.with_paths(change)}
        if self.starts is not None:
            update["starts"] = tuple(str(change(Path(start))) for start in self.starts)
        if is_liquid_file(self.liquid):
            update["liquid"] = str(change(Path(self.liquid)))
        return self.model_copy(update=update)
