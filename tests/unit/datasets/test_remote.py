"""Files read by position from a server that cuts, stalls, changes or knows no ranges."""

import io
import zipfile

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasscast.datasets.remote import RemoteFile, guard
from glasscast.datasets.sources import (
    LocalFile,
    buffered,
    is_address,
    open_source,
    read_exactly,
)
from glasscast.errors import InputError, SettingsError
from tests.server import IMPATIENT, serving

CONTENT = bytes(range(256)) * 4000  # 1 MB


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def remote(server, path="f"):
    return RemoteFile(f"{server.address}/{path}", IMPATIENT)


def test_reads_the_whole_file_by_a_few_requests():
    with serving({"f": CONTENT}) as server, remote(server) as file:
        assert (file.size, file.ranged, file.identity) == (len(CONTENT), True, '"1"')
        assert file.read() == CONTENT
        assert [start for _, start in server.asked] == [0, 1 << 16, 9 << 16]
        assert server.sent == len(CONTENT)


def test_an_empty_file_is_empty():
    with serving({"f": b""}) as server, remote(server) as file:
        assert file.size == 0
        assert file.read() == b""


@pytest.fixture(scope="module")
def sound():
    with serving({"f": CONTENT}) as server:
        yield server


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(CONTENT)), st.integers(0, 3000)), max_size=6))
def test_reads_anywhere_as_a_file_on_disk(sound, reads):
    with remote(sound) as file:
        for start, size in reads:
            file.seek(start)
            assert read_exactly(file, size) == CONTENT[start : start + size]
            assert file.tell() == min(start + size, max(start, len(CONTENT)))


def test_a_cut_connection_is_taken_up_where_the_last_byte_left_off():
    with serving({"f": CONTENT}, cut=300_000) as server, remote(server) as file:
        assert file.read() == CONTENT
        assert len(server.asked) > 4
        assert server.sent == len(CONTENT)  # none twice


def test_a_silent_connection_is_left_and_made_anew():
    with serving({"f": CONTENT}, cut=400_000, silent=True) as server, remote(server) as file:
        assert file.read() == CONTENT
        assert ("f", (1 << 16) + 400_000) in server.asked


def test_without_ranges_a_cut_connection_reads_from_the_beginning_what_it_has_read():
    with serving({"f": CONTENT}, ranges=False, cut=600_000) as server, remote(server) as file:
        assert not file.ranged
        assert file.read(100) == CONTENT[:100]
        server.cut = None
        assert file.read() == CONTENT[100:]


def test_without_ranges_nothing_is_read_from_behind():
    with serving({"f": CONTENT}, ranges=False) as server, remote(server) as file:
        file.seek(500_000)
        assert file.read(4) == CONTENT[500_000:500_004]  # forward, all in between is read
        file.seek(0)
        with pytest.raises(InputError, match="ignores ranges") as refused:
            file.read(4)
        assert refused.value.parameter == "source"


def test_a_server_in_trouble_is_asked_again():
    with serving({"f": CONTENT}, statuses=[503, 429]) as server, remote(server) as file:
        assert file.read() == CONTENT
        assert [start for _, start in server.asked[:4]] == [0, 0, 0, 1 << 16]


def test_a_server_that_never_answers_is_given_up_sooner_than_one_that_did():
    with serving({"f": CONTENT}, statuses=[503] * 99) as server:
        with pytest.raises(InputError, match=r"cannot be reached \(the server answers 503\)"):
            remote(server)
        assert len(server.asked) == 3


def test_a_connection_without_progress_is_given_up():
    with serving({"f": CONTENT}, cut=1000) as server, remote(server) as file:
        read_exactly(file, 1000)
        server.cut = 0
        with pytest.raises(InputError, match=r"f: cannot be read on .*is kept"):
            file.read(1)
        assert len(server.asked) == 1 + IMPATIENT.attempts - 1


def test_no_server():
    with serving({}) as server:
        pass
    with pytest.raises(InputError, match="cannot be reached") as gone:
        remote(server)
    assert gone.value.parameter == "source"


def test_an_absent_file_is_not_asked_for_again():
    with serving({}) as server:
        with pytest.raises(InputError, match=r"answers 404 Not Found; the address may have moved"):
            remote(server)
        assert len(server.asked) == 1


@pytest.mark.parametrize("change", [{"version": "2"}, {"files": {"f": CONTENT + b"x"}}])
def test_a_file_that_changes_meanwhile_is_noticed(change):
    with serving({"f": CONTENT}, cut=1000) as server, remote(server) as file:
        file.read(1000)
        for key, value in change.items():
            setattr(server, key, value)
        with pytest.raises(InputError, match="has changed on the server"):
            file.read(1000)


def test_https_never_leads_to_http():
    check = guard("https://example.org/f")
    check(httpx.Request("GET", "https://elsewhere.org/f"))
    with pytest.raises(InputError, match=r"leads to http://example\.org/f, which is not encrypted"):
        check(httpx.Request("GET", "http://example.org/f"))


def test_a_mirror_may_lead_elsewhere():
    with serving({"g": CONTENT}) as server:
        server.redirects["f"] = f"{server.address}/g"
        with remote(server) as file:
            assert file.read() == CONTENT


def test_endless_redirects_are_one_error():
    with serving({}) as server:
        server.redirects["f"] = f"{server.address}/f"
        with pytest.raises(InputError, match="no address that can be read"):
            remote(server)


def test_zipfile_reads_one_member_and_little_else():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for k in range(8):
            archive.writestr(f"{k}.bin", CONTENT)
    with serving({"a.zip": packed.getvalue()}) as server, remote(server, "a.zip") as file:
        with buffered(file) as stream, zipfile.ZipFile(stream) as archive:
            assert archive.read("6.bin") == CONTENT
        assert [start for _, start in server.asked][:1] == [0]
        assert min(start for _, start in server.asked[1:]) > 5 * len(CONTENT)


def test_addresses_and_paths():
    assert is_address("https://example.org/x")
    assert is_address("http://127.0.0.1:8000/")
    assert not is_address("folder/file")
    assert not is_address("C:/folder")
    with pytest.raises(SettingsError, match="no https address"):
        is_address("ftp://example.org/x")


def test_a_local_file_is_known_by_path_and_time(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(CONTENT)
    with open_source(path) as file:
        assert isinstance(file, LocalFile)
        assert (file.size, file.ranged) == (len(CONTENT), True)
        assert str(path) in file.identity
    with pytest.raises(InputError, match="No such file"):
        open_source(tmp_path / "g")
