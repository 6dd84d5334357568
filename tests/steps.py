"""Work that is counted, and stopped after some of it as a kill would stop it."""

from glasscast.progress import Silent


class KilledError(Exception):
    """Stands for the end of the process: no code of the library catches it."""


class Steps(Silent):
    """Progress that remembers what it was told, and stops the work after some reports.

    Attributes
    ----------
    taken : steps of each report.
    note : of the last report.
    total : steps of the task begun last.
    """

    def __init__(self, stop_after: int | None = None) -> None:
        self.stop_after, self.taken, self.note, self.total = stop_after, [], "", None

    def start(self, what: str, total: int | None) -> None:
        self.total = total

    def advance(self, note: str = "", steps: int = 1) -> None:
        self.taken.append(steps)
        self.note = note or self.note
        if len(self.taken) == self.stop_after:
            raise KilledError
