"""The command that fetches published data, from a mirror on loopback and from a folder."""

import io
import tarfile

import numpy as np
import pytest

from glasscast.datasets.catalogue import catalogue
from glasscast.datasets.dataset import Dataset
from tests.server import serving


@pytest.fixture(autouse=True)
def downloads(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("GLASSCAST_DOWNLOADS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "downloads"


def ensemble(k, size=120):
    """One BOTAN file of few particles: two runs of a jittered lattice at one time."""
    rng = np.random.default_rng(k)
    side = (size / 1.2) ** (1 / 3)
    sites = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3)[:size]
    start = (sites + 0.5) * side / 5 + rng.normal(0, 0.02, (size, 3))
    types = (np.arange(size) % 5 == 0).astype(np.int8)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        types=types,
        initial_positions=start,
        positions=start + rng.normal(0, 0.1, (2, size, 3)),
    )
    return buffer.getvalue()


def test_without_a_name_everything_there_is_is_listed(done):
    shown = done("fetch")
    for name, entry in catalogue().items():
        assert name in shown
        assert entry.size_text in shown
    for heading in ("what", "size", "licence", "goes to", "CC-BY-4.0"):
        assert heading in shown


def test_a_wrong_name_gets_a_suggestion(refused):
    refused("fetch", "botan-smple", says=["did you mean 'botan-sample'?"])


def test_terms_come_before_anything_is_fetched(program):
    outcome = program("fetch", "glassbench")
    assert outcome.code == 2
    for text in ("6.04 GB", "CC-BY-4.0", "cite: Jung et al.", "KA_models/T0.44.tar.gz (591 MB)"):
        assert text in outcome.out
    assert "for example 'KA_models/T0.44'" in outcome.err
    assert outcome.err.strip().endswith("(--member)")


def test_what_is_fetched_is_imported_by_the_command_that_is_shown(done, downloads):
    files = {
        f"{split}/isoconfig_N120T0.44_{k}_tc07.npz": ensemble(k)
        for split, k in (("train", 1), ("test", 401))
    }
    with serving({"public_dataset.tar.gz": packed(files)}) as server:
        shown = done("fetch", "botan", "--member", "**/isoconfig_*", "--from", server.address + "/")
    assert "2 files in downloads/botan\n" in shown
    *_, following = shown.strip().splitlines()
    assert following == ("next: glasscast import downloads/botan/data/T0.44 data/botan-data-T0.44")
    done(*following.removeprefix("next: glasscast ").split())
    dataset = Dataset.open(downloads.parent / "data" / "botan-data-T0.44")
    assert sorted(c.name for c in dataset) == ["N120T0.44_1", "N120T0.44_401"]


def packed(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"data/T0.44/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_published_weights_from_a_folder(real_data, done, downloads):
    weights = real_data.parent / "checkpoints" / "eignn_cage_T0.44.pt"
    if not weights.exists():
        pytest.skip(f"the released weights are not at {weights}")
    shown = done("fetch", "eignn-weights", "--from", weights)
    assert "licence: not stated" in shown
    *_, following = shown.strip().splitlines()
    assert done(*following.removeprefix("next: glasscast ").split()).startswith("model in ")


def test_no_connection_is_one_line_that_says_what_to_do(refused, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with serving({}) as server:
        pass
    refused(
        "fetch",
        "eignn-weights",
        "--from",
        server.address,
        says=["t044_EIGNN_cage.pt: cannot be reached", "give a mirror or a folder", "(--from)"],
    )


def test_a_damaged_mirror_is_one_line(refused):
    with serving({"t044_EIGNN_cage.pt": bytes(795230)}) as server:
        refused(
            "fetch",
            "eignn-weights",
            "--from",
            server.address,
            says=["has the SHA-256", "b3c4d635", "is published", "(--from)"],
        )
