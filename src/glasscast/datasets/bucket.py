"""Files of a public bucket of Google's storage, as its listing in JSON tells them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from urllib.parse import urlencode

from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from glasscast.datasets.members import fixed_start, is_hidden, matches, safe_name
from glasscast.datasets.remote import Patience
from glasscast.datasets.sources import open_source, read_exactly
from glasscast.datasets.store import Expected
from glasscast.errors import InputError

_PAGE = 1 << 26  # bytes of a page that are read
_PAGES = 1000


class _Object(BaseModel):
    name: str
    size: NonNegativeInt
    md5: str = Field(alias="md5Hash", default="")  # absent for objects put together of parts


class _Page(BaseModel):
    items: list[_Object] = []
    next: str = Field(alias="nextPageToken", default="")


def list_bucket(
    listing: str, root: str, patterns: Sequence[str], patience: Patience | None = None
) -> dict[str, Expected]:
    """List the files below a root that match: path from there -> size and MD5.

    Parameters
    ----------
    listing : address that lists all objects.

    Raises
    ------
    InputError : if it cannot be reached, or answers something else.
    """
    prefix = f"{root}/" if root else ""
    query = {
        "prefix": prefix + fixed_start(patterns),
        "fields": "nextPageToken,items(name,size,md5Hash)",
    }
    found: dict[str, Expected] = {}
    for _ in range(_PAGES):
        page = _read_page(f"{listing}?{urlencode(query)}", patience)
        for item in page.items:
            name = safe_name(item.name.removeprefix(prefix), listing)
            folder = item.name.endswith("/")
            if not folder and matches(name, patterns) and not is_hidden(name):
                found[name] = Expected(item.size, md5=_hexadecimal(item.md5, listing))
        if not page.next:
            return found
        query["pageToken"] = page.next
    raise InputError(listing, f"lists more than {_PAGES} pages")


def _read_page(address: str, patience: Patience | None) -> _Page:
    with open_source(address, patience) as source:
        content = read_exactly(source, _PAGE)
    try:
        return _Page.model_validate_json(content)
    except ValidationError:
        raise InputError(
            address, "does not answer with a list of files", "give a folder with them", "source"
        ) from None


def _hexadecimal(md5: str, listing: str) -> str | None:
    try:
        return base64.b64decode(md5, validate=True).hex() or None
    except binascii.Error:
        raise InputError(listing, f"lists '{md5}', which is no MD5") from None
