"""What the catalogue of published collections promises."""

import re
from urllib.parse import urlsplit

import pytest
import typer

from glasscast.cli import app
from glasscast.config import checked
from glasscast.datasets.catalogue import Entry, catalogue, find_entry, in_bytes
from glasscast.datasets.formats.listing import parse_name
from glasscast.datasets.members import matches, safe_name
from glasscast.errors import SettingsError

ENTRIES = [pytest.param(name, entry, id=name) for name, entry in catalogue().items()]


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_every_entry_says_what_it_asks_in_return(name, entry):
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert entry.licence
    assert entry.cite
    assert all("doi:" in text or "arXiv:" in text for text in entry.cite)
    assert entry.checks


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_every_entry_has_what_its_layout_needs(name, entry):
    assert urlsplit(entry.address).scheme == "https"
    assert (entry.layout == "bucket") == (entry.listing is not None)
    assert (entry.layout != "files") or (entry.files and entry.address.endswith("/"))
    for file in entry.files:
        assert safe_name(file.path, name) == file.path
        assert len(file.sha256 or "0" * 64) == 64
        assert len(file.crc32 or "0" * 8) == 8
    assert len(entry.file_by_path) == len(entry.files)


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_sizes_agree(name, entry):
    if entry.files and all(file.size for file in entry.files) and entry.layout == "files":
        assert sum(file.size for file in entry.files) == entry.size
    if entry.size is not None and entry.size > 2 * 10**9:
        assert entry.example  # so much is not fetched unless members are named


def test_the_sample_of_botan_has_the_names_that_the_import_reads():
    names = [parse_name_of(file.path) for file in find_entry("botan-sample").files]
    assert [n.number for n in names] == [*range(1, 11), *range(401, 406)]
    assert {(n.size, n.temperature, n.tag) for n in names} == {(4096, 0.44, 7)}


def parse_name_of(path):
    from pathlib import Path

    return parse_name(Path(path))


def test_the_example_of_glassbench_chooses_one_archive():
    entry = find_entry("glassbench")
    folders = [file.path.removesuffix(".tar.gz").removesuffix(".tar.xz") for file in entry.files]
    assert [f for f in folders if matches(f + "/x", [entry.example])] == ["KA_models/T0.44"]


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_the_command_that_uses_it_exists(name, entry):
    words = (entry.then or "glasscast import {folder} data/x").split()
    command = typer.main.get_command(app).commands[words[1]]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    assert (entry.kind == "weights") == bool(entry.then)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match="did you mean 'glassbench'"):
        find_entry("glasbench")


def test_an_address_that_is_not_encrypted_is_refused():
    record = find_entry("eignn-weights").model_dump() | {"address": "http://example.org/"}
    with pytest.raises(SettingsError, match="address"):
        checked(Entry, record)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (795230, "795 kB"), (999_600, "1 MB"), (6042260027, "6.04 GB"), (2e12, "2 TB")],
)
def test_bytes_for_people(number, text):
    assert in_bytes(number) == text
