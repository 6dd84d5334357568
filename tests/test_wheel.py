"""The wheel alone, in an environment without extras: what it holds, and that it works."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Program of an environment that holds the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("wheel")
    source, env = folder / "source", folder / "env"
    try:
        listed = run("git", "-C", ROOT, "ls-files", "-z").stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, source / name)
        run(UV, "build", "-q", "--wheel", "-o", folder / "dist", source)
        run(UV, "venv", "-q", "-p", sys.executable, env)
        (wheel,) = (folder / "dist").glob("*.whl")
        run(UV, "pip", "install", "-q", "-p", env, "-c", source / "constraints.txt", wheel)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        pytest.skip(f"no environment with the wheel can be made here: {said.strip()[-300:]}")
    return env / "bin" / "glasscast"


def run(*words, **options):
    return subprocess.run(
        [str(word) for word in words],
        check=True, capture_output=True, text=True, timeout=900, **options,
    )  # fmt: skip


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
