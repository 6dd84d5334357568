"""Scores that other people published, as facts with their sources."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from glasscast.errors import SettingsError

#: Metric of the file, all of A particles -> metric of ours, and the target. That of the Bapst set
#: is a mean over configurations, as its authors' programs compute it.
METRICS = {
    "pcc_mean_md_A": ("pearson_mean", "propensity"),
    "pcc_md_A": ("pearson_mean", "propensity"),
    "pcc_md_A_ablation": ("pearson_mean", "propensity"),
    "pcc_all_md_A": ("pearson_pooled", "propensity"),
    "pcc_all_bb_A": ("pearson_pooled", "bond_breaking"),
    "chi4_md_A": ("chi4_predicted", "propensity"),
}
#: Metric of the file that is a count of what a model learns.
PARAMETERS = "parameters"
#: Between a metric and the temperature that a model was trained at, which is not that of the test.
_TRAINED_AT = "_trained_at_T"
#: Whose susceptibility is the measured one.
SIMULATION = "simulation"

#: Where the collections of the file were published.
CITATIONS = {
    "GlassBench": "Jung et al., Nat. Rev. Phys. (2025), Zenodo 10.5281/zenodo.10118191",
    "EIGNN": "Jiang et al., arXiv:2407.06111, with the data of GlassBench",
    "Geo-GNN": "Jiang, Tian, Li and Hu, J. Chem. Phys. 159 (2023), Table I and II, "
    "supplementary Table III",
}


#: What differs from a data set of anybody else's, before numbers are compared.
CONDITIONS = {
    "GlassBench-KA3D": "density 1.2, trained on 400 configurations, tested on 100",
    "GlassBench-KA2D": "2D mixture of GlassBench, scores over all particles of its test set",
    "Bapst-KA3D": "pressure 2.93, not density 1.2; trained on 400 configurations, tested on 400",
}


@dataclass(frozen=True)
class PublishedScore:
    """One number of the literature.

    Parameters
    ----------
    dataset, temperature : what it was measured on; test sets of 100 configurations in 3D.
    time : as published: a time in LJ units, or a value of the scattering function (``S=0.8``);
        '' for what has none.
    metric : as published, e.g. ``pcc_mean_md_A``.
    model, value : whose score, and the score.
    source : file or table it was read from.
    """

    dataset: str
    temperature: float
    time: str
    metric: str
    model: str
    value: float
    source: str

    @property
    def citation(self) -> str:
        """Publication of the source."""
        return next(text for key, text in CITATIONS.items() if self.source.startswith(key))

    @property
    def conditions(self) -> str:
        """What else differs, in words."""
        return CONDITIONS[self.dataset]

    @property
    def measures(self) -> tuple[str, str] | None:
        """Metric of ours that it is, and the target; None for what we do not score."""
        return METRICS.get(self.metric.partition(_TRAINED_AT)[0])

    @property
    def trained_at(self) -> float | None:
        """Temperature of the training, where that is told apart from that of the test."""
        told = self.metric.partition(_TRAINED_AT)[2]
        return float(told) if told else None

    @property
    def label(self) -> str:
        """Model, and where it was trained if elsewhere than tested."""
        away = self.trained_at is not None and self.trained_at != self.temperature
        return f"{self.model}, trained at T = {self.trained_at:.2f}" if away else self.model

    def is_at(self, value: float, by: str = "time") -> bool:
        """Whether it is of a row of ours: at a time, or at a value of F_s where rows are those."""
        if not self.time:
            return False
        scattering, text = self.time.startswith("S="), self.time.removeprefix("S=")
        published = math.exp(-1) if text == "1/e" else float(text)
        same_kind = scattering == (by == "scattering") and by in ("time", "scattering")
        return same_kind and math.isclose(published, value, rel_tol=1e-3)


@cache
def all_published() -> tuple[PublishedScore, ...]:
    """Every score of the file."""
    text = (files("glasscast.evaluation.published") / "scores.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        PublishedScore(
            row["dataset"],
            float(row["temperature"]),
            row["time"],
            row["metric"],
            row["model"],
            float(row["value"]),
            row["source"],
        )
        for row in rows
    )


def published_scores(dataset: str, temperature: float) -> list[PublishedScore]:
    """Scores on one published data set.

    Parameters
    ----------
    dataset : ``GlassBench-KA3D``, ``GlassBench-KA2D`` or ``Bapst-KA3D``.
    temperature : in epsilon.

    Raises
    ------
    SettingsError : if nothing was published for it, naming what there is.
    """
    found = [
        score
        for score in all_published()
        if score.dataset == dataset and abs(score.temperature - temperature) < 1e-9
    ]
    if not found:
        known = sorted({(score.dataset, score.temperature) for score in all_published()})
        listed = ", ".join(f"{name} at {value:g}" for name, value in known)
        raise SettingsError(
            f"no scores were published for {dataset} at {temperature:g}; known: {listed}"
        )
    return found


def published_transfers(
    dataset: str, tests: Iterable[tuple[float, Iterable[float]]]
) -> list[PublishedScore]:
    """Scores of models that were trained at one temperature and tested at another, or at the same.

    Parameters
    ----------
    dataset : as of :func:`published_scores`.
    tests : temperatures of the tests, and their times.

    Raises
    ------
    SettingsError : if no transfer was published on that data set.
    """
    known = [s for s in all_published() if s.dataset == dataset and s.trained_at is not None]
    if not known:
        named = sorted({s.dataset for s in all_published() if s.trained_at is not None})
        raise SettingsError(
            f"no transfer was published on '{dataset}'; known: {', '.join(named)}", "published"
        )
    return [
        score
        for temperature, times in tests
        for time in times
        for score in known
        if math.isclose(score.temperature, temperature) and score.is_at(time)
    ]
