"""The errors a user can cause and mend; the command line prints each as one line, exit code 2."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self


class GlasscastError(Exception):
    """Base of every error whose message is meant for the user.

    Parameters
    ----------
    message : one sentence.
    parameter : of the function called that would mend it, if there is one; the command line names
        the option of that parameter.
    """

    #: Letters of a message: what it quotes of a file may be of any length.
    longest: ClassVar[int] = 1500

    def __init__(self, message: str = "", parameter: str = "") -> None:
        self.parameter = parameter
        cut = len(message) > self.longest
        super().__init__(f"{message[: self.longest]} ..." if cut else message)

    def of(self, place: Path | str) -> Self:
        """Return the error with the file or configuration that it is about before its message."""
        self.args = (f"{place}: {self}",)
        return self


class InputError(GlasscastError):
    """A file from outside that cannot be used as it is.

    Parameters
    ----------
    path : the offending file or folder.
    problem : what was found, naming the key.
    remedy : what would mend it; optional where it is obvious.
    parameter : as in :class:`GlasscastError`.
    """

    def __init__(
        self, path: Path | str, problem: str, remedy: str = "", parameter: str = ""
    ) -> None:
        self.path, self.problem, self.remedy = Path(path), problem, remedy
        shown = self.path.resolve() if ".." in self.path.parts else path
        super().__init__(f"{shown}: {problem}" + (f"; {remedy}" if remedy else ""), parameter)


class ShapeError(GlasscastError, ValueError):
    """An array whose shape, type or values break the contract."""


class SettingsError(GlasscastError):
    """A setting, option or experiment file that cannot be used."""


class ModelError(GlasscastError):
    """A model asked for what it cannot do: unknown species, wrong dimension, not fitted."""


class MissingExtraError(GlasscastError):
    """An optional dependency is absent; the message says what to install."""


class SimulationError(GlasscastError):
    """A simulation that broke down, or whose result fails its own check."""
