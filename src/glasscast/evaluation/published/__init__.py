"""Scores that other people published, as facts with their sources."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from glasscast.errors import SettingsError

#: Metric of ours -> metric of the file, for the propensity of A particles.
METRICS = {
    "pearson_mean": "pcc_mean_md_A",
    "pearson_pooled": "pcc_all_md_A",
    "chi4_predicted": "chi4_md_A",
}
#: Whose susceptibility is the measured one.
SIMULATION = "simulation"

#: Where the collections of the file were published.
CITATIONS = {
    "GlassBench": "Jung et al., Nat. Rev. Phys. (2025), Zenodo 10.5281/zenodo.10118191",
    "EIGNN": "Jiang et al., arXiv:2407.06111, with the data of GlassBench",
    "Geo-GNN": "Jiang, Tian, Li and Hu, J. Chem. Phys. 159 (2023), Table I and II",
}


@dataclass(frozen=True)
class PublishedScore:
    """One number of the literature.

    Parameters
    ----------
    dataset, temperature : what it was measured on; test sets of 100 configurations in 3D.
    time : as published: a time in LJ units, or a value of the scattering function (``S=0.8``).
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
