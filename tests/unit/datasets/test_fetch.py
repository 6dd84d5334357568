"""Fetching from a server on loopback, and from folders and archives on this machine."""

import base64
import hashlib
import io
import json
import os
import tarfile
import zipfile
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from glasscast.datasets.catalogue import Entry, PublishedFile
from glasscast.errors import InputError, SettingsError
from glasscast.workflows.fetch import downloads, fetch, fetch_entry
from tests.server import IMPATIENT, serving
from tests.steps import KilledError, Steps


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def npz(seed):
    buffer = io.BytesIO()
    np.savez(buffer, positions=np.random.default_rng(seed).random((200, 3)))
    return buffer.getvalue()


def tar(files, mode="w:gz"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


COLD = {f"T0.44/{'train' if k < 3 else 'test'}/N9T0.44_{k}.npz": npz(k) for k in range(4)}
WARM = {f"T0.50/train/N9T0.50_{k}.npz": npz(k + 10) for k in range(4)}
BENCH = {
    "G/README": b"read me",
    "G/other/noise.bin": os.urandom(3_000_000),
    "G/models/T0.44.tar.gz": tar(COLD),
    "G/models/T0.50.tar.xz": tar(WARM, "w:xz"),
}
COLD_NAMES = sorted(f"models/{name}" for name in COLD)


def entry(server, layout, path="/", **more):
    """An entry whose address is the loopback server, which a catalogue could not name."""
    known = {
        "title": "t",
        "kind": "data",
        "layout": layout,
        "address": "https://example.org/",
        "licence": "CC0",
        "cite": ("someone, doi:1",),
        "checks": "all",
        **more,
    }
    made = Entry(**known)
    return made.model_copy(update={"address": server.address + path})


def get(what, out, *members, **options):
    options = {"patience": IMPATIENT, **options}
    return fetch_entry("test", what, out, members=members, **options)


def names(found):
    return [path.relative_to(found.folder).as_posix() for path in found.files]


def contents(found):
    return {name: path.read_bytes() for name, path in zip(names(found), found.files, strict=True)}


# --- files by name -------------------------------------------------------------------------------

FILES = {f"s/{k} a.npz": npz(k) for k in range(3)}


def listed(server, **more):
    files = tuple(
        PublishedFile(path=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for name, data in FILES.items()
    )
    return entry(server, "files", files=files, **more)


def test_files_come_checked_with_a_record_of_whose_they_are(tmp_path):
    with serving(dict(FILES_QUOTED)) as server:
        found = get(listed(server), tmp_path / "out")
    assert names(found) == sorted(FILES)
    assert contents(found) == FILES
    record = json.loads((tmp_path / "out" / "fetched.json").read_text())
    assert record["licence"] == "CC0"
    assert record["cite"] == ["someone, doi:1"]


FILES_QUOTED = {name.replace(" ", "%20"): data for name, data in FILES.items()}


def test_what_is_here_is_not_fetched_again(tmp_path):
    with serving(dict(FILES_QUOTED)) as server:
        what = listed(server)
        get(what, tmp_path, "s/0*")
        assert len(server.asked) == 1
        get(what, tmp_path)
        assert len(server.asked) == 3
        (tmp_path / "s" / "1 a.npz").write_bytes(b"damaged")
        get(what, tmp_path)
        assert [path for path, _ in server.asked[3:]] == ["s/1%20a.npz"]
    assert names(get(what, tmp_path)) == sorted(FILES)  # without the server


def test_a_wrong_checksum_says_file_expected_got_and_mend(tmp_path):
    wrong = dict(FILES_QUOTED)
    wrong["s/1%20a.npz"] = wrong["s/1%20a.npz"][:-1] + b"x"
    with serving(wrong) as server, pytest.raises(InputError) as refused:
        get(listed(server), tmp_path)
    text, right = str(refused.value), FILES["s/1 a.npz"]
    for part in (
        "1 a.npz: has the SHA-256",
        hashlib.sha256(wrong["s/1%20a.npz"]).hexdigest(),
        f"{hashlib.sha256(right).hexdigest()} is published",
        "fetch it again, or from another source",
    ):
        assert part in text
    assert not (tmp_path / "s" / "1 a.npz").exists()
    assert (tmp_path / "s" / "0 a.npz").exists()


def test_a_file_of_another_size_is_refused_before_it_is_read(tmp_path):
    longer = {name: data + bytes(10**6) for name, data in FILES_QUOTED.items()}
    with serving(longer) as server, pytest.raises(InputError, match=r"bytes, .* are published"):
        get(listed(server), tmp_path)
    assert server.sent < 10**6 or not list(tmp_path.rglob("*.npz"))


def test_an_interrupted_file_goes_on_by_a_range(tmp_path):
    content = os.urandom(5_000_000)
    with serving({"big": content}) as server:
        what = entry(server, "files", files=(PublishedFile(path="big"),))
        with pytest.raises(KilledError):
            get(what, tmp_path, progress=Steps(stop_after=20))
        begun = len(server.asked)
        found = get(what, tmp_path)
        assert found.files[0].read_bytes() == content
        assert server.asked[begun] == ("big", 0)  # what the server says of the file
        assert server.asked[begun + 1][1] >= 100_000


@pytest.mark.parametrize("change", [{"version": "2"}, {"version": ""}, {"ranges": False}])
def test_an_interrupted_file_begins_again_where_it_may_have_changed(tmp_path, change):
    content = os.urandom(5_000_000)
    with serving({"big": content}) as server:
        what = entry(server, "files", files=(PublishedFile(path="big"),))
        with pytest.raises(KilledError):
            get(what, tmp_path, progress=Steps(stop_after=20))
        server.files["big"] = content[::-1]
        for key, value in change.items():
            setattr(server, key, value)
        assert get(what, tmp_path).files[0].read_bytes() == content[::-1]


def test_a_mirror_and_a_folder_stand_for_the_address(tmp_path):
    with serving({f"mirror/{name}": data for name, data in FILES_QUOTED.items()}) as server:
        source = f"{server.address}/mirror"
        assert len(get(listed(server), tmp_path / "a", source=source).files) == 3
    assert len(get(listed(server), tmp_path / "b", source=tmp_path / "a").files) == 3
    with pytest.raises(InputError, match="No such file"):
        get(listed(server), tmp_path / "c", source=tmp_path / "nowhere")


def test_the_one_file_of_a_collection_may_be_given_itself(tmp_path):
    (tmp_path / "renamed.bin").write_bytes(b"weights")
    with serving({}) as server:
        what = entry(server, "files", files=(PublishedFile(path="w.bin", size=7),))
    found = get(what, tmp_path / "out", source=tmp_path / "renamed.bin")
    assert names(found) == ["w.bin"]


# --- one zip -------------------------------------------------------------------------------------


def bench(server, content, **more):
    return entry(server, "zip", path="/G.zip?download=1", root="G", size=len(content), **more)


def test_a_member_of_a_zip_costs_only_its_own_bytes(tmp_path):
    content = zipped(BENCH)
    with serving({"G.zip": content}) as server:
        found = get(bench(server, content), tmp_path, "models/T0.44")
        assert server.sent < 10**6 < len(content)
    assert names(found) == COLD_NAMES
    assert contents(found) == {f"models/{name}": data for name, data in COLD.items()}
    assert not list(tmp_path.rglob(".*.part*"))
    assert found.then == f"glasscast import {tmp_path}/models/T0.44 data/test-models-T0.44"


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (["models/T0.44/test"], COLD_NAMES[:1]),
        (["models/T0.44.tar.gz"], COLD_NAMES),
        (["**/N9T0.44_1.npz", "README"], ["README", "models/T0.44/train/N9T0.44_1.npz"]),
        (["models/*/train/*_1.npz"], [f"models/T0.{t}/train/N9T0.{t}_1.npz" for t in ("44", "50")]),
    ],
)
def test_only_the_members_asked_for_are_unpacked(tmp_path, members, expected):
    content = zipped(BENCH)
    with serving({"G.zip": content}) as server:
        found = get(bench(server, content), tmp_path, *members)
        assert names(found) == expected
        asked = len(server.asked)
        assert names(get(bench(server, content), tmp_path, *members)) == expected
        assert len(server.asked) == asked
    here = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert [n for n in here if not n.startswith((".", "SHA", "fetched"))] == expected


def test_an_interrupted_member_goes_on_by_a_range(tmp_path):
    content = zipped(BENCH)
    with serving({"G.zip": content}) as server:
        what = bench(server, content)
        with pytest.raises(KilledError):
            get(what, tmp_path, "other", progress=Steps(stop_after=20))
        before = server.sent
        assert get(what, tmp_path, "other").files[0].read_bytes() == BENCH["G/other/noise.bin"]
        assert server.sent - before < 2_900_000


def test_a_cut_member_is_completed(tmp_path):
    content = zipped(BENCH)
    with serving({"G.zip": content}, cut=500_000) as server:
        found = get(bench(server, content), tmp_path, "other")
    assert found.files[0].read_bytes() == BENCH["G/other/noise.bin"]


def test_a_server_without_ranges_says_what_to_do(tmp_path):
    content = zipped(BENCH)
    with (
        serving({"G.zip": content}, ranges=False) as server,
        pytest.raises(InputError, match="ignores ranges") as refused,
    ):
        get(bench(server, content), tmp_path, "README")
    assert refused.value.parameter == "source"
    (tmp_path / "G.zip").write_bytes(content)
    for source in (tmp_path, tmp_path / "G.zip"):
        found = get(bench(server, content), tmp_path / "out", "README", source=source)
        assert found.files[0].read_bytes() == b"read me"


def test_a_damaged_member_takes_no_place(tmp_path):
    content = bytearray(zipped(BENCH))
    at = content.index(b"noise.bin") + 100_000
    content[at] ^= 1
    with (
        serving({"G.zip": bytes(content)}) as server,
        pytest.raises(InputError, match="damaged or no archive"),
    ):
        get(bench(server, content), tmp_path, "other")
    assert not list(tmp_path.rglob("*noise*"))


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"size": 3}, r"gives models/T0\.44\.tar\.gz \d+ bytes, published are 3"),
        ({"crc32": "00000000"}, r"the CRC-32 \w+, published is 00000000"),
    ],
)
def test_another_member_than_the_published_is_refused(tmp_path, known, says):
    content = zipped(BENCH)
    files = (PublishedFile(path="models/T0.44.tar.gz", **known),)
    with serving({"G.zip": content}) as server, pytest.raises(InputError, match=says):
        get(bench(server, content, files=files), tmp_path, "models/T0.44")


def test_another_archive_than_the_published_is_refused(tmp_path):
    content = zipped(BENCH)
    with serving({"G.zip": content + b"x"}) as server:
        what = bench(server, content)
        with pytest.raises(InputError, match=r"has \d+ bytes, \d+ are published"):
            get(what, tmp_path, "README")


def test_the_md5_of_an_archive_on_disk_is_compared(tmp_path):
    content = zipped(BENCH)
    (tmp_path / "G.zip").write_bytes(content)
    with serving({}) as server:
        right = bench(server, content, md5=hashlib.md5(content).hexdigest())
        wrong = bench(server, content, md5="ab" * 16)
    assert get(right, tmp_path / "out", "README", source=tmp_path).files
    with pytest.raises(InputError, match=r"has the MD5 .*, abab"):
        get(wrong, tmp_path / "other", "README", source=tmp_path)


def test_an_inner_archive_whose_member_would_leave_its_folder_is_refused(tmp_path):
    content = zipped({"G/a.tar.gz": tar({"../../out.npz": npz(1)})})
    with (
        serving({"G.zip": content}) as server,
        pytest.raises(InputError, match="would leave its folder"),
    ):
        get(bench(server, content), tmp_path / "out", "**")
    assert not list(tmp_path.rglob("*.npz"))


# --- one tar -------------------------------------------------------------------------------------

LARGE = {**COLD, "noise.bin": os.urandom(3_000_000), **WARM}


def stream(server, **more):
    return entry(server, "tar", path="/all.tar.gz", about=True, size=1000, **more)


def test_members_are_picked_out_of_a_tar_that_passes_by(tmp_path):
    with serving({"all.tar.gz": tar(LARGE)}, cut=700_000) as server:
        found = get(stream(server), tmp_path, "**/train")
        assert len(server.asked) >= 4
    assert contents(found) == {n: LARGE[n] for n in LARGE if "train" in n}


def test_a_tar_is_left_when_the_last_file_named_has_come(tmp_path):
    with serving({"all.tar.gz": tar(LARGE)}) as server:
        what = stream(server)
        get(what, tmp_path, *sorted(COLD))
        assert server.sent < 3_000_000 or server.asked == [("all.tar.gz", 0)]
        assert names(get(what, tmp_path, *sorted(COLD))) == sorted(COLD)


def test_an_interrupted_tar_keeps_what_has_come(tmp_path):
    with serving({"all.tar.gz": tar(LARGE)}) as server:
        what = stream(server)
        with pytest.raises(KilledError):
            get(what, tmp_path, "**", progress=Steps(stop_after=3))
        kept = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.npz")}
        assert len(kept) == 3
        found = get(what, tmp_path, "**")
        assert names(found) == sorted(LARGE)
        assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def test_a_tar_needs_no_ranges(tmp_path):
    with serving({"all.tar.gz": tar(LARGE)}, ranges=False) as server:
        assert len(get(stream(server), tmp_path, "**").files) == len(LARGE)


def test_a_plain_tar_is_read_by_jumps(tmp_path):
    content = tar(LARGE, "w")
    with serving({"all.tar": content}) as server:
        source = f"{server.address}/all.tar"
        assert len(get(stream(server), tmp_path, "T0.50", source=source).files) == len(WARM)
        assert max(start for _, start in server.asked) > 3_000_000


def test_links_in_a_tar_are_refused(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("a/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with (
        serving({"all.tar.gz": buffer.getvalue()}) as server,
        pytest.raises(InputError, match="'a/link', which is no regular file"),
    ):
        get(stream(server), tmp_path, "**")
    assert not list(tmp_path.rglob("*link*"))


# --- a bucket ------------------------------------------------------------------------------------


def bucket(server, **more):
    made = entry(server, "bucket", root="set", listing="https://example.org/o", **more)
    return made.model_copy(update={"listing": f"{server.address}/o"})


def page(files, following=None):
    items = [
        {
            "name": f"set/{name}",
            "size": str(len(data)),
            "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
        }
        for name, data in files.items()
    ]
    more = {"nextPageToken": following} if following else {}
    return json.dumps({"items": [*items, {"name": "set/folder/", "size": "0"}], **more}).encode()


def test_a_bucket_lists_its_files_with_size_and_md5(tmp_path):
    with serving({f"set/{name}": data for name, data in LARGE.items()}) as server:
        server.files["o"] = page(LARGE)
        found = get(bucket(server), tmp_path, "T0.44/train/*")
        assert names(found) == [n for n in sorted(COLD) if "train" in n]
        assert {path for path, _ in server.asked} == {"o", *(f"set/{n}" for n in names(found))}
        server.files["set/noise.bin"] = bytes(3_000_000)
        with pytest.raises(InputError, match="has the MD5"):
            get(bucket(server), tmp_path, "noise.bin")


def test_a_bucket_is_asked_for_what_the_patterns_begin_with(tmp_path):
    with serving({"set/a/1.npz": npz(1)}) as server:
        server.files["o"] = page({"a/1.npz": npz(1)})
        get(bucket(server), tmp_path, "a/*.npz", "a/2.npz")
    assert ("o", 0) in server.asked
    query = parse_qs(urlsplit(server.targets[0]).query)
    assert query["prefix"] == ["set/a/"]


def test_a_listing_of_something_else_is_one_error(tmp_path):
    with (
        serving({"o": b"<html>sign in</html>"}) as server,
        pytest.raises(InputError, match="does not answer with a list of files"),
    ):
        get(bucket(server), tmp_path)


def test_a_bucket_may_be_a_folder_or_a_mirror(tmp_path):
    folder = tmp_path / "here"
    for name, data in COLD.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    with serving(dict(COLD)) as server:
        what = bucket(server)
        assert names(get(what, tmp_path / "a", "T0.44/train", source=folder)) == [
            n for n in sorted(COLD) if "train" in n
        ]
        name = sorted(COLD)[0]
        assert names(get(what, tmp_path / "b", name, source=server.address)) == [name]
        with pytest.raises(SettingsError, match="cannot be listed"):
            get(what, tmp_path / "c", "T0.44/*", source=server.address)


# --- of all --------------------------------------------------------------------------------------


def test_members_that_do_not_exist_are_answered_with_those_that_do(tmp_path):
    with (
        serving(dict(FILES_QUOTED)) as server,
        pytest.raises(SettingsError, match=r"nothing in test matches 'x'; it holds s/0") as no,
    ):
        get(listed(server), tmp_path, "x")
    assert no.value.parameter == "members"
    with (
        serving({"all.tar.gz": tar(COLD)}) as server,
        pytest.raises(SettingsError, match="nothing in test matches"),
    ):
        get(stream(server, example="**/a"), tmp_path, "x")


def test_much_is_fetched_only_where_members_are_named(tmp_path):
    with pytest.raises(SettingsError, match=r"botan is about 58 GB .*'\*\*' for everything") as no:
        fetch("botan", tmp_path / "out")
    assert no.value.parameter == "members"
    assert not (tmp_path / "out").exists()


def test_no_room_is_said_before_anything_is_asked_for(tmp_path):
    huge = PublishedFile(path="big", size=10**15)
    with serving({}) as server:
        what = entry(server, "files", files=(huge,))
        with pytest.raises(InputError, match=r"1e\+03 TB are needed") as refused:
            get(what, tmp_path)
    assert server.asked == []
    assert refused.value.parameter == "out"


def test_downloads_lie_together(monkeypatch, tmp_path):
    monkeypatch.delenv("GLASSCAST_DOWNLOADS", raising=False)
    assert str(downloads()) == "downloads"
    monkeypatch.setenv("GLASSCAST_DOWNLOADS", str(tmp_path))
    with serving(dict(FILES_QUOTED)) as server:
        assert get(listed(server), None).folder == tmp_path / "test"
