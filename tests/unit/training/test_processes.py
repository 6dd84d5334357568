"""Two processes under torchrun train the same model as one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.deep import liquid, tiny

SCRIPT = """
import sys
sys.path[:0] = {paths!r}
import numpy as np, torch.distributed as dist
from tests.unit.training.test_processes import numbers
from tests.deep import liquid, tiny
model = tiny({name!r}, training={settings!r})
model.fit([liquid(i) for i in range(1, 5)], [liquid(6), liquid(7)], seed=3)
np.save({out!r} + str(dist.get_rank()), numbers(model))
dist.destroy_process_group()
"""
#: A bias before a normalisation is free: its gradient is rounding, which Adam scales up, and the
#: mean that the normalisation takes away follows it.
FREE = ("readout.bias", "norm.running_mean", "norm.mean_scale")


def numbers(model) -> np.ndarray:
    """Weights and running statistics of EIGNN or BOTAN."""
    state = model.network_.state_dict()
    return torch.cat([v.flatten() for k, v in state.items() if k not in FREE]).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["botan", "eignn-cage"])  # the second has running statistics
def test_two_processes_train_the_same_model(name, tmp_path):
    settings = {"epochs": 3, "batch_size": 3, "augment": True}  # steps of 3 and 1: a rank may idle
    here = Path(__file__).parent
    script = tmp_path / "run.py"
    script.write_text(
        SCRIPT.format(
            paths=[str(here.parents[2])], name=name, settings=settings, out=str(tmp_path / "w")
        )
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*command, str(script)], check=True, capture_output=True, timeout=240)
    first, second = np.load(tmp_path / "w0.npy"), np.load(tmp_path / "w1.npy")
    assert np.array_equal(first, second)
    alone = tiny(name, training=settings)
    alone.fit([liquid(i) for i in range(1, 5)], [liquid(6), liquid(7)], seed=3)
    np.testing.assert_allclose(first, numbers(alone), rtol=0, atol=1e-4)
