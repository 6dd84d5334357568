"""The folder of fetched files: nothing takes its place that is not whole and right."""

import hashlib
import io

import numpy as np
import pytest

from glasscast.datasets.sources import open_source
from glasscast.datasets.store import Expected, open_store
from glasscast.errors import InputError
from glasscast.progress import Silent
from tests.steps import KilledError, Steps

CONTENT = bytes(range(256)) * 20_000  # 5 MB
SHA = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "out") as store:
        yield store


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "original"
    path.write_bytes(CONTENT)
    return path


def bring(store, path, name="f", expected=None, progress=None):
    expected = expected or Expected()
    with open_source(path) as source:
        part = store.collect(
            name, source, (0, None), sure=expected.sure, progress=progress or Silent()
        )
    return store.place(part, name, expected)


def visible(store):
    return sorted(p.name for p in store.folder.rglob("*") if not p.name.startswith("."))


def test_a_file_takes_its_place_and_is_listed(store, original):
    path = bring(store, original, "a/f", Expected(len(CONTENT), SHA, MD5))
    assert path.read_bytes() == CONTENT
    assert (store.folder / "SHA256SUMS").read_text() == f"{SHA}  a/f\n"
    assert store.has("a/f")
    assert store.has("a/f", Expected(sha256=SHA))
    assert list((store.folder / "a").iterdir()) == [path]


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        (Expected(7), f"f: has {len(CONTENT)} bytes, 7 are published"),
        (Expected(sha256="ab" * 32), f"has the SHA-256 {SHA}, {'ab' * 32} is published"),
        (Expected(md5="ab" * 16), f"has the MD5 {MD5}, {'ab' * 16} is published"),
    ],
)
def test_a_wrong_file_is_refused_and_leaves_nothing(store, original, expected, says):
    with pytest.raises(InputError, match=says) as refused:
        bring(store, original, expected=expected)
    assert refused.value.parameter == "source"
    assert "fetch it again" in str(refused.value)
    assert visible(store) == []
    assert not list(store.folder.glob(".f.*"))


def test_a_file_that_was_changed_here_is_no_longer_had(store, original):
    path = bring(store, original)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert not store.has("f")


def test_a_file_put_here_by_hand_counts_where_its_checksum_is_published(store):
    (store.folder / "f").write_bytes(CONTENT)
    assert not store.has("f")
    assert store.has("f", Expected(sha256=SHA))
    assert not store.has("f", Expected(sha256="ab" * 32))


def test_a_killed_copy_goes_on_where_it_ended(tmp_path, original):
    with open_store(tmp_path / "out") as store, pytest.raises(KilledError):
        bring(store, original, progress=Steps(stop_after=4))
    steps = Steps()
    with open_store(tmp_path / "out") as store:
        assert visible(store) == []
        assert bring(store, original, progress=steps).read_bytes() == CONTENT
    assert steps.taken[0] >= 2 << 20
    assert sum(steps.taken) == len(CONTENT)


def test_what_a_killed_copy_left_of_another_version_is_not_used(tmp_path, original):
    with open_store(tmp_path / "out") as store, pytest.raises(KilledError):
        bring(store, original, progress=Steps(stop_after=4))
    original.write_bytes(CONTENT[::-1])
    with open_store(tmp_path / "out") as store:
        assert bring(store, original).read_bytes() == CONTENT[::-1]


def test_archives_of_arrays_are_checked_within(store, tmp_path):
    np.savez(tmp_path / "x.npz", a=np.arange(1000))
    raw = bytearray((tmp_path / "x.npz").read_bytes())
    assert bring(store, tmp_path / "x.npz", "x.npz").exists()
    raw[500] ^= 1
    (tmp_path / "y.npz").write_bytes(raw)
    with pytest.raises(InputError, match=r"y\.npz: is damaged"):
        bring(store, tmp_path / "y.npz", "y.npz")


def test_finished_means_unchanged_since(store):
    part = store.write("a/f", io.BytesIO(CONTENT))
    store.place(part, "a/f", Expected())
    assert not store.finished("all", ["a"])
    store.finish("all", ["a"])
    assert store.finished("all", ["a"])
    assert not store.finished("all", ["**"])
    (store.folder / "a" / "f").unlink()
    assert not store.finished("all", ["a"])


@pytest.mark.parametrize("name", ["../f", "/f", "SHA256SUMS", "fetched.json"])
def test_no_file_leaves_the_folder_or_replaces_its_records(store, name):
    with pytest.raises(InputError):
        store.path(name)


def test_no_file_goes_through_a_link_that_leads_out(store, tmp_path):
    (store.folder / "a").symlink_to(tmp_path)
    with pytest.raises(InputError, match="cannot hold a fetched file"):
        store.path("a/f")


def test_room_is_asked_for_before_anything_is_written(store):
    with pytest.raises(InputError, match=r"free, 100 TB are needed") as refused:
        store.require_room(10**14)
    assert refused.value.parameter == "out"


def test_two_fetches_do_not_write_one_folder(store):
    with (
        pytest.raises(InputError, match="is being written by 'glasscast fetch', process"),
        open_store(store.folder),
    ):
        pass


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), open_store(tmp_path / "file"):
        pass


def test_records_that_are_garbage_are_begun_anew(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "fetched.json").write_text('{"finished": 3')
    (folder / "SHA256SUMS").write_bytes(b"\xff\xff")
    with open_store(folder) as store:
        assert not store.finished("all", ["**"])
        store.finish("all", ["**"])
        assert store.finished("all", ["**"])
