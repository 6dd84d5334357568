"""A page is a list of sections, in one HTML file that needs no network.

All images, scripts and styles are inside it. Its content security policy lets nothing be fetched
and no script run but those whose hash it lists, so that a name in somebody's data cannot become
code even if an escape were missed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from glasscast.datasets.files import write_atomically
from glasscast.report import html
from glasscast.report.illustration import Illustration


@dataclass(frozen=True, eq=False)
class Folded:
    """Contents that unfold with a click.

    Parameters
    ----------
    summary : plain text, what is seen while they are folded.
    """

    summary: str
    contents: Sequence[Content]
    opened: bool = False


#: What a section holds. Markup that is empty is left out.
Content = Markup | Illustration | Folded


@dataclass(frozen=True, eq=False)
class Section:
    """What a page says of one thing; without contents it is left out of the page.

    Parameters
    ----------
    title : plain text.
    scripts : JavaScript that the contents need.
    """

    title: str
    contents: Sequence[Content]
    scripts: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Page:
    """A report.

    Parameters
    ----------
    title, headline : plain text.
    sections : in their order; those without contents are left out.
    """

    title: str
    sections: Sequence[Section]
    headline: str = ""

    def write(self, folder: Path) -> Path:
        """Write ``report.html`` and ``figures/*.png`` and ``*.pdf``, each atomically.

        Parameters
        ----------
        folder : created if need be; older files of the same names are replaced.

        Returns
        -------
        Path of the page.

        Raises
        ------
        InputError : if a file cannot be written.
        """
        for section in self.sections:
            for illustration in _illustrations(section.contents):
                illustration.save(folder / "figures")
        path = folder / "report.html"
        write_atomically(path, self.as_html().encode())
        return path

    def as_html(self) -> str:
        """Return the whole page; only its own scripts can run in it, nothing is fetched."""
        shown = [section for section in self.sections if any(section.contents)]
        scripts = list(dict.fromkeys(script for s in shown for script in s.scripts))
        allowed = " ".join(map(_hash, scripts)) or "'none'"
        values = {
            "title": self.title,
            "headline": self.headline,
            "policy": "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
            f"font-src data:; script-src {allowed}; base-uri 'none'; form-action 'none'",
            "style": Markup(html.asset("style.css")),
            "sections": [{"title": s.title, "body": _html(s.contents)} for s in shown],
            "scripts": [Markup(script) for script in scripts],
        }
        return html.render("page.html", values)


def _html(contents: Sequence[Content]) -> Markup:
    return html.join(map(_as_html, contents))


def _as_html(content: Content) -> Markup:
    if isinstance(content, Illustration):
        return html.figure(content)
    if isinstance(content, Folded):
        return html.folded(content.summary, _html(content.contents), content.opened)
    return content


def _illustrations(contents: Sequence[Content]) -> Iterator[Illustration]:
    for content in contents:
        if isinstance(content, Illustration):
            yield content
        elif isinstance(content, Folded):
            yield from _illustrations(content.contents)


def _hash(script: str) -> str:
    """Return the source expression that allows exactly this inline script to run."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
