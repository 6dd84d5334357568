"""Forecasts of others, scored on the configurations that ours are scored on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.foreign_forecasts import ForeignForecasts
from glasscast.errors import InputError, SettingsError
from glasscast.models.forecast import ModelForecast

#: Where the scores of such forecasts come from.
ORIGIN = "forecasts of others, from training sets of their own, scored here"


def forecasts_of_others(
    files: Sequence[Path], test: Dataset, ours: Collection[str]
) -> Iterator[ModelForecast]:
    """Read what others forecast of every configuration of a dataset.

    Parameters
    ----------
    files : npz files or folders; see :mod:`glasscast.datasets.foreign_forecasts`.
    ours : names of the models that these are scored beside.

    Raises
    ------
    SettingsError : if one is called as one of ours.
    InputError : if a file cannot be used, or a model forecasts only some of the configurations:
        it would be judged on others than ours are.
    """
    found = ForeignForecasts(tuple(files))
    number: dict[str, int] = {}
    for configuration in test:
        for forecast in found.of(configuration):
            if forecast.model in ours:
                raise SettingsError(
                    f"forecasts of others are called '{forecast.model}', as one of the models is: "
                    "rename their folder, or the model",
                    "forecasts",
                )
            key = f"{forecast.model}, {forecast.target}"
            number[key] = number.get(key, 0) + 1
            yield ModelForecast(
                configuration=configuration,
                model=forecast.model,
                times=forecast.times,
                values=forecast.values,
                target=forecast.target,
            )
    places = ", ".join(map(str, files))
    if files and not number:
        raise InputError(places, f"hold no forecast of a configuration of {test.name}")
    for key, count in number.items():
        if count < len(test):
            raise InputError(
                places,
                f"{key}: forecasts of {count} of {len(test)} configurations; score on these "
                "alone, by their names under 'configurations' of the test data",
            )
