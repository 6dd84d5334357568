"""HTML from data: what is not markup already is escaped, by its type, wherever it enters.

Plain text is ``str``, HTML is ``Markup``, which escapes every text that it is formatted or joined
with. So a name in somebody's data cannot become an element, in a template or here.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from glasscast.report.illustration import Illustration

_PIXELS = 115  # of an inch of a figure, so that its text is as large as the page's


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, values: Mapping[str, Any]) -> Markup:
    """Fill a file of ``templates/`` with values."""
    return Markup(_templates().get_template(template).render(values))


def asset(name: str) -> str:
    """Text of a style sheet or script in ``templates/``, as it stands."""
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def join(pieces: Iterable[str]) -> Markup:
    """Put HTML together; plain text among it is escaped."""
    return Markup().join(pieces)


def paragraph(text: str) -> Markup:
    """Return a paragraph of plain text."""
    return Markup("<p>{}</p>").format(text)


def heading(text: str) -> Markup:
    """Return a heading within a section."""
    return Markup("<h3>{}</h3>").format(text)


def bullets(items: Iterable[str]) -> Markup:
    """Return a list of plain texts."""
    return Markup("<ul>{}</ul>").format(join(Markup("<li>{}</li>").format(i) for i in items))


def folded(summary: str, content: Markup, opened: bool) -> Markup:
    """Return content that unfolds with a click on its summary."""
    start = Markup("<details open>" if opened else "<details>")
    return start + Markup("<summary>{}</summary>{}</details>").format(summary, content)


def facts(pairs: Mapping[str, Any]) -> Markup:
    """Return names and values as a two-column table; nothing if there are none."""
    rows = join(
        Markup('<tr><th scope="row">{}</th><td>{}</td></tr>').format(name, plain(value))
        for name, value in pairs.items()
    )
    return rows and Markup('<table class="facts"><tbody>{}</tbody></table>').format(rows)


def plain(value: Any) -> str:
    """Write a setting for reading: nested values on one line, floats without noise."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(v) for v in value)
    return str(value)


def figure(illustration: Illustration) -> Markup:
    """Return a figure with its image inside the page."""
    return Markup(
        '<figure><img style="max-width:{}px" alt="{}" src="data:image/png;base64,{}">'
        "<figcaption><strong>{}</strong> {}</figcaption></figure>"
    ).format(
        round(illustration.width * _PIXELS),  # small figures must not be blown up
        illustration.alternative,
        base64.b64encode(illustration.png).decode(),
        illustration.title if illustration.title.endswith("?") else f"{illustration.title}.",
        illustration.caption,
    )
