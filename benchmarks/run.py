"""Run the benchmarks one after the other; each prints its own table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    names = (
        "targets",
        "descriptors",
        "physics_descriptors",
        "deep_training_step",
        "equivariant_step",
        "simulation",
    )
    for name in names:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, Path(__file__).with_name(f"{name}.py")], check=True)
