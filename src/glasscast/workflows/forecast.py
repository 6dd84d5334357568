"""A forecast as a user holds it: shown, drawn, converted, written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from glasscast.datasets.facts import Facts
from glasscast.datasets.stages import row_text
from glasscast.datasets.state_points import Range, times_of_stages
from glasscast.datasets.times import listed
from glasscast.models.base import Model
from glasscast.models.forecast import ModelForecast
from glasscast.models.limits import Departure
from glasscast.report.forecast_files import forecast_columns, forecast_table, write_forecasts
from glasscast.runtime import import_optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Forecast(Facts, ModelForecast):
    """What a model says of one snapshot, and what was assumed for it.

    Every score and figure takes it as it takes the model's own.

    Parameters
    ----------
    remarks : how the snapshot differs from the training, and what was assumed of it.
    alarm : quantities in which the snapshot is unlike what the model was trained on.
    spans : lowest and highest time of each stage in trainings at the snapshot's state point, None
        where not known; empty where rows are times.
    identity : hash of all that the model was made from; '' where it is not recorded.
    """

    remarks: tuple[str, ...] = ()
    alarm: tuple[Departure, ...] = ()
    spans: tuple[Range | None, ...] = ()
    identity: str = ""

    @classmethod
    def of(
        cls,
        made: ModelForecast,
        model: Model,
        remarks: tuple[str, ...] = (),
        alarm: tuple[Departure, ...] = (),
    ) -> Self:
        """Take over what a model made, and what it knows of the times of its stages."""
        spans = times_of_stages(model.state_points_, made.configuration.state_point)
        return cls(
            **{f.name: getattr(made, f.name) for f in fields(made)},
            remarks=remarks,
            alarm=alarm,
            spans=() if made.stages.by == "time" else spans,
            identity=str(model.trained_on_.get("identity", "")),
        )

    def record(self) -> dict[str, Any]:
        """Say what the columns of a file do not, as JSON values."""
        record = super().record()
        record["model"] |= {"identity": self.identity} if self.identity else {}
        if self.spans:
            record["times"] = self.spans
        if self.alarm:
            record["alarm"] = [asdict(departure) for departure in self.alarm]
        return record | ({"remarks": list(self.remarks)} if self.remarks else {})

    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what tells a forecast from others, in a few words each."""
        values = listed(self.times)
        found = [
            ("model", self.model),
            ("snapshot", f"{self.configuration.name} ({self.configuration.size} particles)"),
            ("forecasts", f"{self.target} at {self.stages.quantity} = {values}"),
        ]
        if self.uncertainty is not None:
            typical = np.nanmedian(self.uncertainty, axis=1)
            found.append(("uncertainty", ", ".join(f"{sd:.2g}" for sd in typical) + " (median)"))
        if any(self.spans):
            found.append(("times of training there", "; ".join(self._span_texts())))
        return found + [("remark", remark) for remark in self.remarks]

    def _span_texts(self) -> list[str]:
        """Time of each stage in trainings at the snapshot's state point, in words."""
        return [
            "?" if span is None else " to ".join(dict.fromkeys(f"{t:.4g}" for t in span))
            for span in self.spans
        ]

    def stage_lines(self) -> list[str]:
        """Say when each of its stages was reached in trainings there; nothing where unknown."""
        if not any(self.spans):
            return []
        values = [row_text(self.stages.by, value) for value in self.stages.values]
        pairs = zip(values, self._span_texts(), strict=True)
        return [f"{value}: t = {span} in training at this state point" for value, span in pairs]

    def to_pandas(self) -> Any:
        """Return a data frame, one row a particle: snapshot, frame, particle, species, position.

        The further columns are those of the files: ``propensity_t4120`` and so on.

        Raises
        ------
        MissingExtraError : without pandas.
        """
        pandas = import_optional("pandas", "to_pandas")
        return pandas.DataFrame(forecast_table(self))

    def to_ase(self, species: Sequence[str] | None = None) -> Any:
        """Return ``ase.Atoms`` with each column as an array; see :meth:`Configuration.to_ase`.

        Raises
        ------
        MissingExtraError : without ASE.
        """
        made = self.configuration.to_ase(species)
        for name, values in forecast_columns(self).items():
            made.set_array(name, values.astype(float))
        return made

    def plot(self, time: float | None = None) -> Figure:
        """Draw a slice of the box coloured by the forecast, beside the truth where it is known.

        Parameters
        ----------
        time : the nearest of the model's is drawn; its last by default.
        """
        from glasscast.report.slice_figures import slice_figure

        return slice_figure(self, float(self.times[-1]) if time is None else time).figure

    def write(self, path: str | Path, species: Sequence[str] | None = None) -> None:
        """Write a file; the ending says which format, see :mod:`glasscast.report.forecast_files`.

        Parameters
        ----------
        species : names to write instead of those of the liquid, such as ``("Ni", "P")``.

        Raises
        ------
        SettingsError : for an unknown ending.
        InputError : if it cannot be written; nothing is left behind.
        """
        write_forecasts(Path(path), [self], species)


class Forecasts(Sequence[Forecast]):
    """The forecasts of several snapshots by one model, in order."""

    def __init__(self, forecasts: Sequence[Forecast]) -> None:
        self._forecasts = tuple(forecasts)

    @overload
    def __getitem__(self, index: int) -> Forecast: ...
    @overload
    def __getitem__(self, index: slice) -> Forecasts: ...
    def __getitem__(self, index: int | slice) -> Forecast | Forecasts:
        if isinstance(index, slice):
            return Forecasts(self._forecasts[index])
        return self._forecasts[index]

    def __len__(self) -> int:
        return len(self._forecasts)

    def __iter__(self) -> Iterator[Forecast]:
        return iter(self._forecasts)

    def __repr__(self) -> str:
        return (
            "Forecasts(\n"
            + "".join(f"  {forecast!r}\n" for forecast in self[:5])
            + (f"  ... {len(self)} in all)" if len(self) > 5 else ")")
        )

    def to_pandas(self) -> Any:
        """Return one data frame of all; see :meth:`Forecast.to_pandas`.

        Raises
        ------
        MissingExtraError : without pandas.
        """
        pandas = import_optional("pandas", "to_pandas")
        tables = [pandas.DataFrame(forecast_table(f, frame)) for frame, f in enumerate(self)]
        return pandas.concat(tables, ignore_index=True)

    def plot(self, time: float | None = None) -> list[Figure]:
        """Draw each; see :meth:`Forecast.plot`."""
        return [forecast.plot(time) for forecast in self]

    def write(self, path: str | Path, species: Sequence[str] | None = None) -> None:
        """Write all into one file, a frame a snapshot; see :meth:`Forecast.write`.

        Raises
        ------
        SettingsError : for an unknown ending, or one that takes a single forecast.
        InputError : if it cannot be written; nothing is left behind.
        """
        write_forecasts(Path(path), self, species)
