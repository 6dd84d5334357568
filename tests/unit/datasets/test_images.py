from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasscast.datasets.frames import RunFrame
from glasscast.datasets.images import find_lost_images, refuse_ambiguous_images
from glasscast.errors import InputError

BOX = np.array([15.0, 15.0, 15.0])
RUN = Path("run.npz")


def diffuse(rms, size=1000, runs=8, seed=0, heavy=False):
    """A parent and frames of independent particles: Gaussian or exponential displacements."""
    rng = np.random.default_rng(seed)
    start = rng.random((size, 3)) * BOX
    draw = rng.laplace if heavy else rng.normal
    scale = rms / np.sqrt(2) if heavy else rms
    moved = [draw(0, scale, start.shape) for _ in range(runs)]
    return start, [RunFrame(0, run, start + u, RUN) for run, u in enumerate(moved)]


def drain(guard, start, frames):
    return [frame.positions for frame in guard(frames, start, BOX)]


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("rms", [0.05, 0.3, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0])
def test_true_motion_passes_however_far(rms, heavy):
    start, frames = diffuse(rms, heavy=heavy)
    got = drain(find_lost_images, start, frames)
    for frame, expected in zip(got, frames, strict=True):
        np.testing.assert_array_equal(frame, expected.positions)


@pytest.mark.parametrize("shift", [0.0, -7.5, 100.0])
@pytest.mark.parametrize("rms", [0.05, 0.3, 1.0, 2.0, 3.0, 5.0])
def test_folded_frames_are_found_whatever_the_window(rms, shift):
    start, frames = diffuse(rms)
    folded = [RunFrame(t, r, np.mod(f - shift, BOX) + shift, p) for t, r, f, p in frames]
    parent = np.mod(start - shift, BOX) + shift
    with pytest.raises(InputError, match=r"run\.npz: trajectory 0, particle \d+ jumps by"):
        drain(find_lost_images, parent, folded)


@pytest.mark.parametrize("rms", [0.05, 0.3, 1.0, 1.5])
def test_one_particle_that_lost_its_image_is_named(rms):
    start, frames = diffuse(rms)
    frames[5][2][123, 1] += BOX[1]
    with pytest.raises(InputError, match="trajectory 5, particle 123 jumps by 1"):
        drain(find_lost_images, start, frames)


def test_a_far_traveller_is_no_lost_image():
    start, frames = diffuse(0.3)
    frames[2][2][7, 0] += 0.6 * BOX[0]
    assert len(drain(find_lost_images, start, frames)) == len(frames)


@given(drift=st.floats(-60, 60), axis=st.integers(0, 2))
@settings(deadline=None, max_examples=30)
def test_a_drifting_system_is_no_lost_image(drift, axis):
    start, frames = diffuse(0.3, size=200, runs=2)
    for _, _, frame, _ in frames:
        frame[:, axis] += drift
    assert len(drain(find_lost_images, start, frames)) == 2


def test_a_parent_from_another_window_is_found():
    start, frames = diffuse(0.3)
    parent = start + BOX * np.random.default_rng(1).integers(-1, 2, start.shape)
    with pytest.raises(InputError, match="lost their periodic images"):
        drain(find_lost_images, parent, frames)


@pytest.mark.parametrize("rms", [0.05, 0.5, 1.5])
def test_short_folded_motion_is_unambiguous(rms):
    start, frames = diffuse(rms)
    folded = [RunFrame(t, r, np.mod(f, BOX), p) for t, r, f, p in frames]
    assert len(drain(refuse_ambiguous_images, start, folded)) == len(frames)


@pytest.mark.parametrize("rms", [3.0, 5.0, 20.0])
def test_long_folded_motion_is_refused(rms):
    start, frames = diffuse(rms)
    folded = [RunFrame(t, r, np.mod(f, BOX), p) for t, r, f, p in frames]
    with pytest.raises(InputError, match="shortest image is ambiguous"):
        drain(refuse_ambiguous_images, start, folded)


@pytest.mark.parametrize("rms", [2.5, 4.0, 8.0])
def test_frames_that_were_folded_at_some_steps_only_are_found_at_late_times(rms):
    """Particles stray over the faces by as much as they moved since they were folded."""
    start, frames = diffuse(rms)
    rng = np.random.default_rng(1)
    strayed = [
        RunFrame(t, r, np.mod(f, BOX) + rng.uniform(-0.5, 0.5, f.shape), p) for t, r, f, p in frames
    ]
    with pytest.raises(InputError, match=r"run\.npz: trajectory 0, particle \d+ jumps by"):
        drain(find_lost_images, start, strayed)


@pytest.mark.parametrize("rms", [0.1, 0.6, 1.5])
def test_images_lost_at_a_restart_are_a_jump_however_late(rms):
    """After 4 sigma no single time tells; the frames before and after the restart do."""
    rng = np.random.default_rng(2)
    start = rng.random((1000, 3)) * BOX
    late = start + rng.normal(0, 6.0, start.shape)
    after = np.mod(late, BOX) + rng.normal(0, rms, start.shape)
    later = after + rng.normal(0, 3.0, start.shape)
    frames = [RunFrame(row, 0, f, RUN) for row, f in enumerate((late, after, later))]
    with pytest.raises(InputError, match="jumps by"):
        drain(find_lost_images, start, frames)


def test_frames_far_from_one_another_are_no_jump():
    rng = np.random.default_rng(3)
    start = rng.random((1000, 3)) * BOX
    walk = start + rng.normal(0, 3.0, (6, *start.shape)).cumsum(axis=0)
    frames = [RunFrame(row, 0, f, RUN) for row, f in enumerate(walk)]
    assert len(drain(find_lost_images, start, frames)) == 6
