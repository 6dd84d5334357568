import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from glasscast.datasets.configuration import Configuration
from glasscast.errors import ShapeError
from glasscast.evaluation.directions import alignment, directedness


@pytest.fixture
def moved():
    """Displacements of 32 runs of 300 particles at 2 times, drawn towards a cage centre or not."""
    rng = np.random.default_rng(0)
    box, size = np.array([6.0, 7.0, 8.0]), 300
    positions = rng.uniform(0, 1, (size, 3)) * box
    pull = 0.1 * rng.normal(size=(size, 3))
    runs = rng.normal(scale=0.1, size=(32, 2, size, 3))
    runs[:, 0] = 0.8 * pull  # at first every run follows the pull, later none
    return Configuration(
        name="c",
        positions=positions,
        types=np.zeros(size, np.int8),
        box=box,
        cage=(positions + pull) % box,
        times=np.array([1.0, 100.0]),
        propensity=np.linalg.norm(runs, axis=-1).mean(axis=0),
        tendency=runs.mean(axis=0),
    )


def test_what_follows_the_pull_is_aligned_across_the_boundary(moved):
    displacement = moved.displacement_to("cage")
    assert np.abs(displacement).max() < 0.5
    cosine = alignment(moved, "cage")
    np.testing.assert_allclose(cosine[0], 1.0, atol=1e-5)
    np.testing.assert_allclose(directedness(moved)[0], 1.0, rtol=1e-5)


def test_independent_directions_leave_what_chance_leaves(moved):
    cosine = alignment(moved, "cage")[1]
    assert abs(cosine.mean()) < 4 * np.sqrt(1 / 3 / len(cosine))
    # Uniform in [-1, 1], as the cosine of a random direction in three dimensions is.
    counts, _ = np.histogram(cosine, bins=5, range=(-1, 1))
    assert (np.abs(counts - 60) < 4 * np.sqrt(60 * 0.8)).all()
    # The mean of R vectors of normal components is shorter by sqrt(R) than the vectors.
    assert directedness(moved)[1].mean() == pytest.approx(32**-0.5, rel=0.05)


def test_the_angle_knows_no_frame(moved):
    rotation = Rotation.random(random_state=1).as_matrix()
    displacement = moved.displacement_to("cage")
    box = np.full(3, 30.0)
    turned = 15 + (moved.positions - moved.box / 2) @ rotation.T
    other = moved.with_fields(
        box=box,
        positions=turned,
        cage=turned + displacement @ rotation.T,
        tendency=moved.tendency @ rotation.T,
    )
    np.testing.assert_allclose(alignment(other, "cage"), alignment(moved, "cage"), atol=1e-5)


def test_a_particle_that_stays_has_no_direction(moved):
    still = moved.with_fields(tendency=np.zeros_like(moved.tendency))
    assert np.isnan(alignment(still, "cage")).all()
    assert (directedness(still) == 0).all()


def test_what_is_missing_is_named(moved):
    with pytest.raises(ShapeError, match="no 'inherent' positions"):
        alignment(moved, "inherent")
    with pytest.raises(ShapeError, match="no 'tendency'"):
        directedness(moved.with_fields(tendency=None))
