"""How LAMMPS is run, by its library or an executable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from glasscast.simulation.engine import EngineSettings

_Word = Annotated[str, Field(coerce_numbers_to_str=True)]


class LammpsSettings(EngineSettings):
    """The ``engine:`` block; of these only ``time_step`` and ``skin`` touch a result's rounding."""

    name: Literal["lammps"] = "lammps"
    threads: int = Field(default=1, ge=1, description="OpenMP threads of one task")
    suffix: str = Field(default="omp", description="accelerated styles: omp, opt, none, kk, gpu")
    skin: float = Field(default=0.25, gt=0, description="neighbour list skin, in sigma")
    time_step: float | None = Field(default=None, gt=0, description="default: the liquid's own")
    executable: tuple[_Word, ...] | None = Field(
        default=None,
        min_length=1,
        description="command line of an external LAMMPS, such as [mpirun, -np, 8, lmp]; words that "
        "begin with ./ or ../ are seen from the settings file",
    )

    def with_paths(self, change: Callable[[Path], Path]) -> Self:
        """Return the settings with an executable of one's own changed."""
        if self.executable is None:
            return self
        words = (str(change(Path(w))) if _is_path(w) else w for w in self.executable)
        return self.model_copy(update={"executable": tuple(words)})


def _is_path(word: str) -> bool:
    return word.startswith(("./", "../")) or Path(word).is_absolute()
