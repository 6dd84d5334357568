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
import numpy as np, torch, torch.distributed as dist
from tests.deep import liquid, tiny
model = tiny({name!r}, training={settings!r})
model.fit([liquid(i) for i in range(1, 5)], [liquid(6), liquid(7)], seed=3)
state = [v.flatten() for v in model.network_.state_dict().values()]
np.save({out!r} + str(dist.get_rank()), torch.cat(state).numpy())
dist.destroy_process_group()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["botan", "eignn-cage"])  # the second has running statistics
def test_two_processes_train_the_same_model(name, tmp_path):
    settings = {"epochs": 3, "batch_size": 3, "augment": True}  # steps of 3 and 1: a rank may idle
    here = Path(__file__).parent
    script = tmp_path / "run.py"
    script.write_text(
        SCRIPT.format(
            paths=[str(here.parents[1])], name=name, settings=settings, out=str(tmp_path / "w")
        )
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    subprocess.run([*command, str(script)], check=True, capture_output=True, timeout=240)
    first, second = np.load(tmp_path / "w0.npy"), np.load(tmp_path / "w1.npy")
    assert np.array_equal(first, second)
    alone = tiny(name, training=settings)
    alone.fit([liquid(i) for i in range(1, 5)], [liquid(6), liquid(7)], seed=3)
    state = torch.cat([v.flatten() for v in alone.network_.state_dict().values()])
    np.testing.assert_allclose(first, state.numpy(), rtol=0, atol=1e-4)
