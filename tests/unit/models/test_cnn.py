"""The convolutional network: what its grid and its augmentation promise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from glasscast.errors import ModelError
from glasscast.models.cnn.model import Cnn
from glasscast.models.cnn.settings import CnnSettings
from glasscast.networks.batch import box_symmetries
from glasscast.networks.voxels import VoxelBatch, coarsen, grid_shape, refine, smeared_weights
from glasscast.runtime import Workspace
from tests.conftest import repeated
from tests.relaxed import relaxed


def cnn(**changes) -> Cnn:
    training = {"epochs": 4, "validation_fraction": 0.0, "device": "cpu", "augment": True}
    training |= changes.pop("training", {})
    settings = {"spacing": 0.6, "levels": 2, "channels": 4, "blocks": 1, "training": training}
    settings |= changes
    return Cnn(CnnSettings(**settings), Workspace(threads=1))


@pytest.fixture(scope="module", params=[2, 3])
def fitted(request):
    return cnn().fit([relaxed(seed, request.param, 100) for seed in (1, 2)])


def test_permutation_and_whole_coarse_voxels_only_permute(fitted):
    snapshot, rng = relaxed(3, fitted.dimension_, 100), np.random.default_rng(0)
    before, order = fitted.predict(snapshot).values, rng.permutation(100)
    shape = grid_shape(snapshot.box, 0.6, multiple=2)
    shift = 2 * rng.integers(-20, 20, fitted.dimension_) * snapshot.box / np.array(shape)
    moved = snapshot.with_fields(
        positions=np.mod(snapshot.positions + shift, snapshot.box)[order],
        types=snapshot.types[order], propensity=None, times=np.empty(0), bonds=None,
        bond_change=None,
    )  # fmt: skip
    after = fitted.predict(moved).values
    np.testing.assert_allclose(after, before[:, order], atol=1e-4 * np.ptp(before))


def test_a_box_and_the_same_box_repeated_have_the_same_forecast(fitted):
    """Where both have the same voxels; two of them are the whole coarse grid of the small box."""
    dimension = fitted.dimension_
    small = relaxed(4, dimension, 8)
    model = cnn(spacing=small.box[0] / 4).fit([small])
    assert model.read(small).shape == (4,) * dimension
    once, again = model.predict(small).values, model.predict(repeated(small)).values
    np.testing.assert_allclose(np.tile(once, 2**dimension), again, rtol=0, atol=1e-4 * np.ptp(once))


@pytest.mark.parametrize("dimension", [2, 3])
def test_every_symmetry_of_the_box_maps_the_grid_as_it_maps_the_particles(dimension):
    snapshot, model = relaxed(5, dimension, 60), cnn()
    batch = model.read(snapshot)
    for symmetry in box_symmetries(dimension)[::5]:
        turned = np.mod(snapshot.positions @ symmetry.numpy().T.astype(float), snapshot.box)
        expected = model.read(snapshot.with_fields(positions=turned)).density((0, 1))
        torch.testing.assert_close(batch.transformed(symmetry).density((0, 1)), expected)
    flat = (2, 3, 2)[:dimension]
    uneven = VoxelBatch(batch.types, batch.voxels % 6, batch.weights, flat, (60,))
    with pytest.raises(ValueError, match="no such symmetry"):
        uneven.transformed(torch.eye(dimension).roll(1, 0))


def test_shares_are_the_gaussian_of_the_nearest_image():
    rng = np.random.default_rng(0)
    box, shape, width = np.array([5.0, 7.0]), (10, 14), 0.4
    positions = rng.uniform(0, 1, (40, 2)) * box
    voxels, weights = smeared_weights(positions, box, shape, width)
    centres = np.stack(np.meshgrid(np.arange(10) * 0.5, np.arange(14) * 0.5, indexing="ij"), -1)
    apart = positions[:, None] - centres.reshape(-1, 2)
    apart -= box * np.round(apart / box)
    dense = np.exp(-0.5 * (apart**2).sum(-1) / width**2)
    dense /= dense.sum(axis=1, keepdims=True)
    found = np.zeros_like(dense)
    np.put_along_axis(found, voxels, weights, axis=1)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(found, dense, atol=0.01 * dense.max())


def test_smeared_particles_do_not_feel_the_grid():
    rng = np.random.default_rng(1)
    box, shape = np.full(3, 3.0), (10, 10, 10)
    positions = rng.uniform(0, 3, (200, 3))
    wave = np.sin(2 * np.pi * np.arange(10) / 10)  # along x
    voxels, weights = smeared_weights(positions, box, shape, 0.25)
    read = (wave[voxels // 100] * weights).sum(axis=1)
    damping = np.exp(-0.5 * (2 * np.pi / 3 * 0.25) ** 2)
    np.testing.assert_allclose(read, damping * np.sin(2 * np.pi / 3 * positions[:, 0]), atol=2e-3)


@pytest.mark.parametrize("dimension", [2, 3])
def test_halved_grids_keep_what_is_coarse_and_every_symmetry(dimension):
    shape = (12, 8, 16)[:dimension]
    field = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    coarse = coarsen(field)
    assert coarse.shape[2:] == tuple(n // 2 for n in shape)
    every = tuple(range(2, 2 + dimension))
    torch.testing.assert_close(coarse.mean(every), field.mean(every))
    torch.testing.assert_close(coarsen(field.roll(2, 2)), coarse.roll(1, 2))
    for axis in every:
        mirrored = field.flip(axis).roll(1, axis)  # x to -x, where voxel 0 lies at x = 0
        torch.testing.assert_close(coarsen(mirrored), coarse.flip(axis).roll(1, axis))
        torch.testing.assert_close(
            refine(coarse.flip(axis).roll(1, axis)), refine(coarse).flip(axis).roll(1, axis)
        )
    wave = torch.cos(2 * torch.pi * torch.arange(64) / 64).reshape(1, 1, 64, *[1] * (dimension - 1))
    wave = wave.expand(1, 1, 64, *[4] * (dimension - 1))
    torch.testing.assert_close(refine(coarsen(wave)), wave, rtol=0, atol=0.01)


def test_it_learns_what_the_crowd_decides():
    train = [relaxed(seed, 2, 150) for seed in range(1, 9)]
    training = {"epochs": 30, "learning_rate": 5e-3}
    model = cnn(spacing=0.35, channels=8, training=training).fit(train)
    snapshot = relaxed(20, 2, 150)
    a = snapshot.types == 0
    forecast = model.predict(snapshot).values[1, a]
    assert np.corrcoef(forecast, snapshot.propensity[1, a])[0, 1] > 0.5


def test_a_pyramid_reaches_where_one_grid_does_not():
    """What happens beyond the convolutions of the finest grid moves the forecast all the same."""
    snapshot = relaxed(1, 2, 200)
    moved = snapshot.positions[0]
    far = snapshot.positions - moved
    far -= snapshot.box * np.round(far / snapshot.box)
    other = int(np.argmax(np.linalg.norm(far, axis=1)))
    positions = snapshot.positions.copy()
    positions[0] = np.mod(positions[0] + 0.3, snapshot.box)
    changed = snapshot.with_fields(positions=positions)

    def change(levels: int) -> float:
        model = cnn(spacing=0.3, levels=levels)
        model.check_labels(snapshot)
        torch.manual_seed(0)
        network = model.build_network().double()
        for layer in network.modules():  # these mix the whole grid
            if isinstance(layer, torch.nn.InstanceNorm2d):
                layer.forward = lambda x: x
        with torch.no_grad():
            before, after = (network(_doubled(model.read(c)))[0] for c in (snapshot, changed))
        return float((after - before)[other].abs().max())

    assert change(1) == 0
    assert change(3) > 0


def _doubled(batch: VoxelBatch) -> VoxelBatch:
    return replace(batch, weights=batch.weights.double())


def test_what_does_not_suit_the_grid_is_refused():
    snapshot = relaxed(1, 2, 60)
    with pytest.raises(ModelError, match="lower 'spacing'"):
        cnn(spacing=5.0).read(snapshot)
    long = snapshot.with_fields(box=snapshot.box * [1, 2])
    with pytest.raises(ModelError, match="not cubic"):
        cnn().read(long)
    flat = cnn(training={"augment": False}).read(long)
    assert flat.shape[1] > flat.shape[0]
