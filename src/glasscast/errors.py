"""The errors a user can cause and mend; the command line prints each as one line, exit code 2."""

from __future__ import annotations

from pathlib import Path


class GlasscastError(Exception):
    """Base of every error whose message is meant for the user."""


class InputError(GlasscastError):
    """A file from outside that cannot be used as it is.

    Parameters
    ----------
    path : the offending file or folder.
    problem : what was found, naming the key.
    remedy : what would mend it; optional where it is obvious.
    """

    def __init__(self, path: Path | str, problem: str, remedy: str = "") -> None:
        self.path, self.problem, self.remedy = Path(path), problem, remedy
        super().__init__(f"{path}: {problem}" + (f"; {remedy}" if remedy else ""))


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
