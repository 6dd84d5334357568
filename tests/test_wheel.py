"""The wheel alone, in environments without extras: what it holds, and that it works."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
NEWER = ("3.14", "3.13", "3.12")  # the first that all requirements are to be had for


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from what the repository holds, nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    try:
        listed = run("git", "-C", ROOT, "ls-files", "-z").stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / "source" / name)
        run(UV, "build", "-q", "--wheel", "-o", folder / "dist", folder / "source")
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no wheel can be built here: {why(error)}")
    (made,) = (folder / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module", params=["this", "newest"])
def installed(request, wheel, tmp_path_factory):
    """Program of an environment that holds the wheel and what it requires."""
    env = tmp_path_factory.mktemp("env") / "env"
    this, reasons = request.param == "this", []
    pinned = ["-c", ROOT / "constraints.txt"] if this else []
    for python in [sys.executable] if this else map(interpreter, NEWER):
        try:
            run(UV, "venv", "-q", "--clear", "-p", python, env)
            began = time.monotonic()
            run(UV, "pip", "install", "-q", "-p", env, *pinned, wheel)
        except (OSError, subprocess.SubprocessError) as error:
            reasons.append(f"{python}: {why(error)}")
            continue
        version = run(env / "bin" / "python", "-V").stdout.strip()
        print(f"\n{time.monotonic() - began:6.1f} s  install, {version}")
        return env / "bin" / "glasscast"
    pytest.skip(f"no environment with the wheel can be made here: {'; '.join(reasons)}")


def interpreter(version: str) -> str:
    """Path of an interpreter that pyenv keeps, which is not on the path; else its version."""
    kept = sorted(Path(os.environ.get("PYENV_ROOT", "/none")).glob(f"versions/{version}*/bin"))
    return str(kept[-1] / "python") if kept else version


def run(*words, **options):
    """Run a command; uv does not read pip's settings, its link folder is handed over."""
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    env = {**os.environ, **({"UV_FIND_LINKS": links} if links else {})}
    return subprocess.run(
        [str(word) for word in words],
        check=True, capture_output=True, text=True, timeout=1500, env=env, **options,
    )  # fmt: skip


def why(error):
    return (getattr(error, "stderr", "") or str(error)).strip()[-300:]


@pytest.mark.slow
def test_demo_and_forecast_run_from_the_wheel_alone(installed, tmp_path):
    commands = (
        ["--help"],
        ["examples"],
        ["demo"],
        ["predict", "sample", "--model", "ka-T0.64-lr"],
        ["info", "examples/train-linear.yaml"],
    )
    for words in commands:
        began = time.monotonic()
        run(installed, *words, cwd=tmp_path)
        print(f"{time.monotonic() - began:6.1f} s  glasscast {' '.join(words)}")
    assert (tmp_path / "examples" / "own-model" / "coordination.py").exists()
    assert (tmp_path / "demo" / "report.html").exists()
    assert len([*(tmp_path / "forecast").glob("*.xyz")]) == 20
