"""A forecast as a user holds it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from glasscast.models.forecast import ModelForecast
from glasscast.report.forecast_files import write_forecast


@dataclass(frozen=True, eq=False, kw_only=True)
class Forecast(ModelForecast):
    """What a model says of one snapshot, and what was assumed for it.

    Every score and figure takes it as it takes the model's own.

    Parameters
    ----------
    remarks : how the snapshot differs from the training, and what was assumed of it.
    """

    remarks: tuple[str, ...] = ()

    @classmethod
    def of(cls, made: ModelForecast, remarks: tuple[str, ...] = ()) -> Self:
        """Take over what a model made."""
        return cls(**{f.name: getattr(made, f.name) for f in fields(made)}, remarks=remarks)

    def write(self, path: Path) -> None:
        """Write a file for viewers: ``.xyz``, ``.gsd`` or ``.npz``.

        Raises
        ------
        SettingsError : for any other ending.
        InputError : if it cannot be written; nothing is left behind.
        """
        write_forecast(path, self)
