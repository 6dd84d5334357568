"""What was understood of the files of an import: kept in ``dataset.json`` and told after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glasscast.datasets.configuration import Configuration
from glasscast.datasets.formats.listing import Survey, tell_left_out
from glasscast.datasets.frames import Ensemble
from glasscast.datasets.manifest import Source

#: Names that are kept of what was left out, and that are told.
_KEPT, _TOLD = 100, 20


@dataclass
class Understood:
    """Gathers what an import understands, configuration by configuration.

    Parameters
    ----------
    survey : of the source.
    options : what was said of the files, as JSON values.
    """

    survey: Survey
    options: Mapping[str, Any]
    files: set[Path] = field(default_factory=set)
    runs: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    span: list[float] = field(default_factory=list)
    facts: dict[str, list[Any]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, ensemble: Ensemble, configuration: Configuration) -> None:
        """Take note of one configuration."""
        self.files.update(ensemble.sources)
        self.times.append(len(ensemble.times))
        self.found.append(ensemble.metadata.get("times_found", len(ensemble.times)))
        self.span += ensemble.times[[0, -1]].tolist() if len(ensemble.times) else []
        if configuration.runs is not None:
            self.runs += configuration.runs.tolist()
        for key in ("format", "coordinates", "clock", "species"):
            value = ensemble.metadata.get(key)
            known = self.facts.setdefault(key, [])
            if value is not None and value not in known:
                known.append(value)
        self.remarks += [
            f"{ensemble.name}: {text}" for text in ensemble.metadata.get("remarks", ())
        ]

    def left_out(self) -> list[tuple[Path, str]]:
        """Files and folders of the source that were not read, and why."""
        return self.survey.left_out(self.files)

    def source(self, taken: Mapping[str, Any]) -> Source:
        """Return the record for ``dataset.json``.

        Parameters
        ----------
        taken : ``as``, what the trajectories were taken for, and what belongs to that.
        """
        left, root = self.left_out(), self.survey.root
        record: dict[str, Any] = {
            "how": "import",
            **{key: values[0] if len(values) == 1 else values for key, values in self._facts()},
            "options": dict(self.options),
            "files": len(self.files),
            "times": {"found": max(self.found), "kept": max(self.times)},
            "ignored": {
                "number": len(left),
                "first": [[str(path.relative_to(root)), why] for path, why in left[:_KEPT]],
            },
        }
        if self.runs:
            record["runs"] = [min(self.runs), max(self.runs)]
        if self.remarks:
            record["remarks"] = self.remarks[:_KEPT]
        return Source(**{**record, **taken})

    def lines(self) -> Iterator[str]:
        """Yield what to tell when all is read; what was left out comes last."""
        told = [f"{key} {', '.join(map(str, values))}" for key, values in self._facts()]
        told.append(f"{len(self.files)} file{'s' * (len(self.files) != 1)}")
        if self.runs:
            fewest, most = min(self.runs), max(self.runs)
            told.append(f"trajectories {fewest if fewest == most else f'{fewest} to {most}'}")
        if self.span:
            told.append(f"times {max(self.times)}, {min(self.span):g} to {max(self.span):g}")
        yield f"understood: {'; '.join(told)}"
        left = self.left_out()
        if left:
            named = tell_left_out(self.survey.root, left, _TOLD)
            yield f"left out, {len(left)} in all: {named}"

    def _facts(self) -> list[tuple[str, list[Any]]]:
        return [(key, values) for key, values in self.facts.items() if values]
