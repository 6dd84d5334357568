"""What a figure leaves beside its picture: the numbers drawn, and the claims judged by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from glasscast.errors import ShapeError
from glasscast.evaluation.table_text import csv_text
from glasscast.recipes.registry import Entry

Outcome = Literal["seen", "not seen", "not resolved"]
#: Whose a number is: measured here, printed in the paper, or given out by its authors elsewhere.
Source = Literal["ours", "printed", "public"]
#: Columns of the numbers: where a point lies, its interval in y, its colour, its arrow.
COLUMNS = ("panel", "series", "source", "x", "y", "low", "high", "colour", "u", "v", "text")
_LEVEL = 0.95
#: In a recipe: any series, one a time of the data.
ANY = "*"


@dataclass(frozen=True)
class Verdict:
    """What became of one claim.

    Parameters
    ----------
    number, claim : of the catalogue.
    outcome : seen where the interval of the difference lies above 0, not seen where it lies below.
    evidence : the number that says so.
    """

    number: int
    claim: str
    outcome: Outcome
    evidence: str


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers of one series; each column (n,), absent where it has no meaning."""

    panel: str
    series: str
    source: Source
    columns: dict[str, NDArray[Any]]

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one mapping a point."""
        head = {"panel": self.panel, "series": self.series, "source": self.source}
        for values in zip(*self.columns.values(), strict=True):
            plain = (v.item() if isinstance(v, np.generic) else v for v in values)
            yield head | dict(zip(self.columns, plain, strict=True))


@dataclass(eq=False)
class Sheet:
    """Numbers, verdicts and gaps of one figure, filled while it is drawn.

    Parameters
    ----------
    entry : the name that is drawn; its panels, series and claims are what has to be there.
    """

    entry: Entry
    series: list[Series] = field(default_factory=list)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    absent: dict[tuple[str, str], str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    ceiling: str = ""

    def add(
        self, panel: str, series: str, *, source: Source = "ours", **columns: ArrayLike
    ) -> None:
        """Note the numbers of a series; a scalar holds for all of its points.

        Parameters
        ----------
        columns : those of :data:`COLUMNS` that have a meaning, of equal length.
        """
        arrays = {key: np.atleast_1d(np.asarray(value)) for key, value in columns.items()}
        length = max(len(array) for array in arrays.values())
        arrays = {k: np.repeat(a, length) if len(a) == 1 else a for k, a in arrays.items()}
        unknown = set(arrays) - set(COLUMNS)
        if unknown or len({len(a) for a in arrays.values()}) > 1:
            raise ShapeError(f"{self.entry.name}, {panel}, {series}: columns do not fit")
        self.series.append(Series(panel, series, source, arrays))

    def lacks(self, panel: str, series: str, why: str) -> None:
        """Note that the data cannot give a series, and why."""
        self.absent[panel, series] = why

    def remark(self, text: str) -> None:
        """Add a sentence to the caption, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def judge(
        self, number: int, samples: ArrayLike, words: str, of: str = "configurations"
    ) -> None:
        """Judge a claim by a difference that it says is above 0.

        Parameters
        ----------
        number : of the claim.
        samples : (C,) the difference in each configuration.
        words : what the difference is.
        of : what there is one sample of.
        """
        values = np.asarray(samples, dtype=np.float64).ravel()
        values = values[np.isfinite(values)]
        if len(values) == 0:
            self.leave(number, f"{words}: not defined in these data")
            return
        mean, reach = float(values.mean()), half_width(values)
        outcome: Outcome = "not resolved"
        if np.isfinite(reach) and abs(mean) > reach:
            outcome = "seen" if mean > 0 else "not seen"
        interval = (
            f" ({mean - reach:.3f} to {mean + reach:.3f} in {len(values)} {of})"
            if np.isfinite(reach)
            else " (one configuration, no interval)"
        )
        self._note(number, outcome, f"{words}: {mean:.3f}{interval}")

    def judge_all(self, number: int, parts: Mapping[str, ArrayLike], words: str) -> None:
        """Judge a claim that says several differences are above 0: seen if each is.

        Parameters
        ----------
        parts : what -> (C,) difference in each test configuration.
        """
        outcomes, told = [], []
        for what, samples in parts.items():
            self.judge(number, samples, what)
            outcomes.append(self.verdicts[number].outcome)
            told.append(self.verdicts[number].evidence)
        outcome: Outcome = "not resolved"
        if outcomes and all(o == "seen" for o in outcomes):
            outcome = "seen"
        elif "not seen" in outcomes:
            outcome = "not seen"
        self._note(number, outcome, f"{words}: " + "; ".join(told))

    def decide(self, number: int, holds: bool, evidence: str) -> None:
        """Judge a claim that a count or a formula settles without an interval."""
        self._note(number, "seen" if holds else "not seen", evidence)

    def leave(self, number: int, why: str) -> None:
        """Say why a claim cannot be told with these data."""
        self._note(number, "not resolved", why)

    def _note(self, number: int, outcome: Outcome, evidence: str) -> None:
        self.verdicts[number] = Verdict(number, self.entry.claims[number], outcome, evidence)

    def drawn(self) -> set[tuple[str, str]]:
        """Panels and series that have numbers of ours."""
        return {(s.panel, s.series) for s in self.series if s.source == "ours"}

    def check(self) -> None:
        """Make sure that all of the catalogue is drawn or named as missing, and all judged.

        Raises
        ------
        ShapeError : naming what is not.
        """
        given = self.drawn() | set(self.absent)
        given |= {(panel, ANY) for panel, _ in given}
        wanted = {(p, s) for p, series in self.entry.panels.items() for s in series}
        lost = sorted(wanted - given)
        if lost:
            raise ShapeError(f"{self.entry.name}: neither drawn nor named as missing: {lost[0]}")
        unjudged = set(self.entry.claims) - set(self.verdicts)
        if unjudged:
            raise ShapeError(f"{self.entry.name}: claim {min(unjudged)} was not judged")

    def to_csv(self) -> str:
        """All numbers, one point a row; what the data cannot give has a row with the reason."""
        rows = [row for series in self.series for row in series.rows()]
        rows += [
            {"panel": panel, "series": series, "source": "absent", "text": why}
            for (panel, series), why in self.absent.items()
        ]
        return csv_text(COLUMNS, rows)


def half_width(samples: NDArray[np.float64]) -> float:
    """Half of Student's 95 % interval of a mean over configurations; NaN for a single one."""
    if len(samples) < 2:
        return float("nan")
    quantile = float(student.ppf((1 + _LEVEL) / 2, len(samples) - 1))
    return quantile * float(samples.std(ddof=1)) / float(np.sqrt(len(samples)))
