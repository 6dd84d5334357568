"""Readers of every file format: one module each, all giving ensembles or snapshots."""

from glasscast.datasets.formats.registry import FORMATS, detect, read_ensembles, read_snapshot

__all__ = ["FORMATS", "detect", "read_ensembles", "read_snapshot"]
