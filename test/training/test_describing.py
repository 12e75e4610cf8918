"""Products are told apart by a network of their own."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch: make training")
pytest.importorskip("embreex", reason="training data needs embreex")

from damage_perception.training.describer import Describer  # noqa: E402
from damage_perception.training.describing import describing_loss  # noqa: E402
from damage_perception.training.model import Preprocess  # noqa: E402
from damage_perception.training.views import LabelledViews, shrink_views  # noqa: E402


def described(angles):
    angles = torch.tensor(angles)
    return torch.stack((angles.cos(), angles.sin()), dim=1)


def test_descriptors_of_a_product_are_to_be_alike_and_of_others_not():
    product = torch.tensor([1, 1, 2, 2])
    alike = describing_loss(described([0.0, 0.1, 1.5, 1.6]), product)
    mixed = describing_loss(described([0.0, 1.5, 0.1, 1.6]), product)
    assert alike < 0.1 < 5 < mixed


def test_the_sides_of_a_box_are_measured_however_it_is_turned_and_however_large_the_view():
    def sizes(width_m, turned):
        height, item = torch.full((1, 320, 320), -10.0), torch.zeros(1, 320, 320)
        item[:, 60:260, 110:210] = 1
        height[item > 0] = 0.1
        if turned:
            height, item = height.transpose(1, 2), item.transpose(1, 2)
        color = torch.zeros(1, 320, 320, 3)
        width = torch.tensor([width_m])
        _, shape = Preprocess()(color, height, item, width)
        return Describer._sizes(shape[:, (0, 3, 4)], width)[0]

    long, broad, high, aspect, has_width, has_height = sizes(0.4, turned=False).tolist()
    assert np.exp(long / 2) * 0.3 == pytest.approx(0.4 * 200 / 320, rel=0.02)
    assert np.exp(broad / 2) * 0.3 == pytest.approx(0.4 * 100 / 320, rel=0.02)
    assert np.exp(high / 2) * 0.3 == pytest.approx(0.1, rel=0.02)
    assert np.exp(aspect / 4) == pytest.approx(2, rel=0.02)
    assert has_width == has_height == 1
    assert torch.allclose(sizes(0.4, turned=True), sizes(0.4, turned=False), atol=0.01)
    unknown = sizes(0.0, turned=False)
    assert not unknown[[0, 1, 2, 4, 5]].any() and unknown[3] == pytest.approx(aspect)


def test_views_are_shrunk_once(tmp_path):
    rng = np.random.default_rng(0)
    color = rng.integers(0, 255, (3, 64, 64, 3), np.uint8)
    item = rng.integers(0, 2, (3, 64, 64), np.uint8)
    views = LabelledViews(
        color=color,
        height_m=np.where(item, 0.5, -10).astype(np.float16),
        item=item,
        width_m=np.array([0.1, 0.2, 0.3], np.float32),
        kinds=np.zeros((3, 16, 16), np.uint8),
        place_m=np.zeros((3, 16, 16, 3), np.float16),
        damaged=np.array([True, False, True]),
        product=np.array([0, 0, 1], np.int32),
        scene=np.array([0, 0, 1], np.int32),
    )
    small = shrink_views(views, tmp_path / "small", 32)
    assert small.color.shape == (3, 32, 32, 3) and small.place_m.shape == (3, 8, 8, 3)
    assert np.abs(small.color.mean((1, 2)) - color.mean((1, 2))).max() < 1
    assert (small.item == item[:, ::2, ::2]).all()
    assert set(np.unique(small.height_m)) == {0.5, -10}
    assert small.width_m.tolist() == views.width_m.tolist()
    assert small.damaged.tolist() == [True, False, True]
    written = (tmp_path / "small" / "color.npy").stat().st_mtime_ns
    shrink_views(views, tmp_path / "small", 32)
    assert (tmp_path / "small" / "color.npy").stat().st_mtime_ns == written
    assert shrink_views(views, tmp_path / "none", 64) is views
