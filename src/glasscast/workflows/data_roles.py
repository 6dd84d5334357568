"""What of the data is trained on, what is scored on, and that the two are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glasscast.datasets.dataset import Dataset
from glasscast.datasets.splits import families
from glasscast.errors import SettingsError
from glasscast.progress import log


def with_relatives(train: Dataset, others: Sequence[Dataset], alone: bool = False) -> Dataset:
    """Training configurations, and those of other datasets that are of their families.

    Copies and runs of other configurations are left out: these may be test data.

    Parameters
    ----------
    alone : leave the training configurations themselves out.
    """
    if not others:
        return train
    joined = Dataset.join([train, *others])
    groups = joined.groups()
    known = set(groups[: len(train)])
    names = list(zip(joined.names, groups, strict=True))[len(train) if alone else 0 :]
    return joined.subset([name for name, family in names if family in known])


def judged(test: Dataset) -> Dataset:
    """Return what forecasts are scored on: single runs only where there are no ensembles."""
    ensembles = test.ensembles()
    if len(ensembles):
        return ensembles
    log.warning(
        "%s has labels of single runs alone, mostly noise: scores are low; their share of the "
        "ceiling is what they would be without it",
        test.name,
    )
    return test


def table_name(test: Dataset) -> str:
    """Name of test data in tables, marked where their labels are of single runs."""
    return test.name if len(test.ensembles()) else f"{test.name} (single runs)"


def refuse_overlap(train: Dataset, test: Dataset) -> None:
    """Refuse test data that is trained on, or whose relatives are.

    Raises
    ------
    SettingsError : naming a configuration that is on both sides.
    """
    found = families([*train.descent(), *test.descent()])
    trained = dict(zip(found, train.names, strict=False))
    for name, family in zip(test.names, found[len(train) :], strict=True):
        if family in trained:
            relative = "" if trained[family] == name else f", by its relative '{trained[family]}',"
            raise SettingsError(
                f"configuration '{name}'{relative} is in the training and the test data; use "
                "splits that do not overlap"
            )


def about(data: Dataset) -> dict[str, Any]:
    """Say for the record which data were used."""
    return {"data": data.name, "configurations": len(data)}
