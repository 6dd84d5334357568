"""Archives from outside: sound ones give their files, hostile ones one error."""

import gzip
import io
import lzma
import os
import struct
import tarfile
import zipfile

import pytest

from glasscast.datasets.archives import packed_extent, tar_members, unpacked, zip_members
from glasscast.datasets.sources import open_source
from glasscast.errors import InputError

SIZES = {"a/empty": 0, "a/one-block": 512, "a/odd": 1000, "b/large": 200_000, "b/last": 1024}


def tar_bytes(members, mode="w:gz"):
    """A tar of (name or TarInfo, content)."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode=mode) as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def special(name, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


def read_tar(content):
    stream = io.BufferedReader(io.BytesIO(content))
    return {name: stream.read() for name, _, stream in tar_members(stream, "x.tar")}


def zip_file(folder, members, **options):
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def table_of(path, root=""):
    with open_source(path) as source:
        return zip_members(io.BufferedReader(source), str(path), root)


def content_of(path, name):
    """One member as the fetch reads it: its bytes alone, then unpacked."""
    with open_source(path) as source:
        info = zip_members(io.BufferedReader(source), str(path), "")[name]
    with open_source(path) as source:
        start, size = packed_extent(source, info)
    packed = path.read_bytes()[start : start + size]
    return unpacked(io.BytesIO(packed), info, str(path)).read()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_tar_gives_its_files_in_one_pass(mode):
    content = {f"./{name}": os.urandom(size) for name, size in SIZES.items()}
    folder = special("a", tarfile.DIRTYPE)
    raw = tar_bytes([(folder, b""), *content.items(), ("b/.hidden", b"x")], mode)
    assert read_tar(raw) == {name.removeprefix("./"): data for name, data in content.items()}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_content_that_is_not_wanted_need_not_be_read(mode):
    raw = tar_bytes([(name, os.urandom(size)) for name, size in SIZES.items()], mode)
    stream = io.BufferedReader(io.BytesIO(raw))
    assert [name for name, _, _ in tar_members(stream, "x.tar")] == list(SIZES)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused_where_they_are_asked_for(kind):
    raw = tar_bytes([(special("a/link", kind), b""), ("a/file", b"sound")])
    stream = io.BufferedReader(io.BytesIO(raw))
    members = tar_members(stream, "x.tar")
    _, _, content = next(members)
    with pytest.raises(InputError, match=r"holds 'a/link', which is no regular file"):
        content.read()
    assert next(members)[2].read() == b"sound"


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../out"])
def test_a_tar_whose_member_would_leave_its_folder_is_refused(name):
    with pytest.raises(InputError, match="would leave its folder"):
        read_tar(tar_bytes([(name, b"x")]))


@pytest.mark.parametrize("mode", ["w:gz", "w:xz"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_compressed_tar_that_ends_early_is_damaged(mode, share):
    raw = tar_bytes([(name, os.urandom(size)) for name, size in SIZES.items()], mode)
    with pytest.raises(InputError, match=r"x\.tar: is damaged or no archive"):
        read_tar(raw[: int(share * len(raw))])


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end():
    raw = bytearray(tar_bytes([("a", b"1" * 512), ("b", b"2" * 512)], "w"))
    raw[1024:1100] = b"\xff" * 76
    with pytest.raises(InputError, match="is damaged: data after its end"):
        read_tar(gzip.compress(bytes(raw)))


def test_a_changed_byte_is_noticed_by_the_checksum_of_gzip():
    raw = bytearray(tar_bytes([("a", os.urandom(5000))]))
    raw[2000] ^= 1
    with pytest.raises(InputError, match="is damaged"):
        read_tar(bytes(raw))


def test_a_tar_that_expands_beyond_reason_is_refused():
    raw = io.BytesIO()
    info = tarfile.TarInfo("zeros")
    info.size = 1 << 40
    raw.write(info.tobuf())
    with pytest.raises(InputError, match="expands beyond reason"):
        read_tar(gzip.compress(raw.getvalue() + bytes(1 << 20)))


def test_a_header_that_claims_much_memory_is_refused():
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.XHDTYPE, 1 << 31
    with pytest.raises(InputError, match="claims a header that is too long"):
        read_tar(gzip.compress(header.tobuf() + bytes((1 << 26) + 4096), 1))


def test_members_that_overlap_are_refused():
    header = tarfile.TarInfo("a")
    header.size = 512
    raw = bytearray(header.tobuf(tarfile.GNU_FORMAT))
    raw[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)  # a negative size, base 256
    raw[148:156] = b" " * 8
    raw[148:156] = f"{sum(raw):06o}\0 ".encode()
    with pytest.raises(InputError, match="is damaged or no archive"):
        read_tar(gzip.compress(bytes(raw) + bytes(4096)))


def test_a_chain_of_headers_is_one_error():
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 0
    with pytest.raises(InputError, match="is damaged or no archive"):
        read_tar(gzip.compress(header.tobuf() * 5000))


def test_what_is_no_archive():
    with pytest.raises(InputError, match="is damaged or no archive"):
        read_tar(b"<html>not found</html>" * 100)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_of_a_zip_is_read_from_its_own_bytes(tmp_path, compression):
    content = {name: os.urandom(size) for name, size in SIZES.items()}
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    assert {name: content_of(path, name) for name in table_of(path)} == content


def test_the_table_counts_from_a_root(tmp_path):
    path = zip_file(tmp_path, [("G/README", b"1"), ("G/a/b", b"2"), ("other", b"3"), ("G/.x", b"")])
    assert list(table_of(path, "G")) == ["README", "a/b"]


def test_a_zip_whose_member_would_leave_its_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="would leave its folder"):
        table_of(zip_file(tmp_path, [("../../out", b"x")]))


def test_a_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("a")
    link.external_attr = 0o120777 << 16
    with pytest.raises(InputError, match="no regular file"):
        content_of(zip_file(tmp_path, [(link, b"/etc/passwd")]), "a")


def test_damage_in_a_zip_is_noticed_by_its_crc(tmp_path):
    path = zip_file(tmp_path, [("a", os.urandom(5000))])
    raw = bytearray(path.read_bytes())
    raw[2000] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="is damaged or no archive"):
        content_of(path, "a")


def test_unusual_compression_is_refused(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"x" * 1000)
    with pytest.raises(InputError, match="in an unusual way"):
        content_of(path, "a")


def test_a_table_that_claims_much_memory_is_refused(tmp_path):
    path = zip_file(tmp_path, [("a", b"x")])
    raw = bytearray(path.read_bytes())
    end = raw.rindex(b"PK\5\6")
    filler = bytes(1 << 27)
    raw[end + 12 : end + 16] = struct.pack("<I", len(filler))
    path.write_bytes(filler + raw[end:])
    with pytest.raises(InputError, match="claims a header that is too long"):
        table_of(path)


def test_members_that_are_not_where_the_table_says(tmp_path):
    path = zip_file(tmp_path, [("a", b"x")])
    raw = bytearray(path.read_bytes())
    raw[:4] = b"nope"
    path.write_bytes(raw)
    with pytest.raises(InputError, match="has no member where 'a' should be"):
        content_of(path, "a")


def test_a_bomb_of_xz_is_not_taken_into_memory():
    info = tarfile.TarInfo("zeros")
    info.size = 1 << 36
    raw = lzma.compress(info.tobuf() + bytes(1 << 22))
    with pytest.raises(InputError, match="expands beyond reason"):
        read_tar(raw)
