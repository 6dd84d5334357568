"""How objects show themselves: a line at a prompt, a small table in a notebook."""

from __future__ import annotations

from abc import abstractmethod
from html import escape


class Facts:
    """Base of what is shown by a few facts; a dataclass says ``repr=False``."""

    @abstractmethod
    def facts(self) -> list[tuple[str, str]]:
        """Name and value of what tells it from others, in a few words each."""

    def __repr__(self) -> str:
        told = ", ".join(f"{key}={text}" for key, text in self.facts())
        return f"{type(self).__name__}({told})"

    def _repr_html_(self) -> str:
        rows = (f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in self.facts())
        return f"<table>{''.join(rows)}</table>"
