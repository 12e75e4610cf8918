"""Damage written into frames that a camera took."""

import numpy as np
import pytest
from image_folder import box_scene, write_folder, write_image

from damage_perception.cli import main
from damage_perception.dataset import ImageFolder
from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import CODES
from damage_perception.simulation.damage.written_damage import WRITABLE, damage_frame, write_damage
from damage_perception.simulation.split import Split

CAMERA = CameraModel(160, 120, 150.0, 150.0, 79.5, 59.5)


@pytest.fixture
def good():
    """A printed box, 25 cm wide and 0.7 m away, on a table at 0.9 m; and which pixels show it."""
    rng = np.random.default_rng(0)
    item = np.zeros((120, 160), bool)
    item[30:90, 50:110] = True
    color = np.full((120, 160, 3), 120, np.uint8)
    color[item] = rng.integers(100, 220, (int(item.sum()), 3))
    depth = np.where(item, 0.7, 0.9).astype(np.float32)
    depth[40:44, 60:64] = 0
    return Frame(color, depth, CAMERA), item


@pytest.mark.parametrize("kind", WRITABLE)
def test_damage_changes_colour_and_depth_where_its_mask_is(good, kind):
    frame, item = good
    for seed in range(10):
        spoilt, written = damage_frame(frame, item, kind, np.random.default_rng(seed))
        damaged = written.codes == CODES[kind]
        assert damaged.sum() >= 20 and set(np.unique(written.codes)) <= {0, CODES[kind]}
        assert 0 <= written.severity <= 1
        difference = np.abs(spoilt.color.astype(int) - frame.color).max(axis=2)
        assert difference[damaged].mean() > 8 * difference[~damaged].mean()
        moved = np.abs(spoilt.depth_m - frame.depth_m)
        assert moved[damaged].max() > 0.0002
        # A reading that the sensor did not have is not made up.
        assert (spoilt.depth_m[frame.depth_m == 0] == 0).all()


@pytest.mark.parametrize("kind", [kind for kind in WRITABLE if kind != "spillage"])
def test_what_breaks_breaks_on_the_item(good, kind):
    frame, item = good
    for seed in range(20):
        _, written = damage_frame(frame, item, kind, np.random.default_rng(seed))
        assert not (written.codes > 0)[~item].any()


def test_a_dent_goes_away_from_the_camera(good):
    frame, item = good
    spoilt, _ = damage_frame(frame, item, "crush", np.random.default_rng(1))
    pushed = (spoilt.depth_m - frame.depth_m)[item & (frame.depth_m > 0)]
    assert pushed.min() > -1e-4 and 0.002 < pushed.max() < 0.1


def test_the_same_seed_writes_the_same_and_training_writes_other_liquids(good):
    frame, item = good

    def written(split):
        rng = np.random.default_rng(5)
        return write_damage(frame.color, frame.depth_m, item, 0.004, "spillage", rng, split)

    assert (written(Split.TEST).color == written(Split.TEST).color).all()
    assert (written(Split.TEST).color != written(Split.TRAIN).color).any()


def test_without_depth_on_the_item_nothing_is_written(good):
    frame, item = good
    blind = Frame(frame.color, np.where(item, 0, 0.9).astype(np.float32), CAMERA)
    for case in (blind, Frame(frame.color, None, CAMERA)):
        with pytest.raises(ValueError, match="no depth"):
            damage_frame(case, item, "hole", np.random.default_rng(0))


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_recordings_become_a_labelled_data_set(tmp_path, capsys):
    source = write_folder(tmp_path / "good", "a", "b", "c")
    out = tmp_path / "spoilt"
    assert ended("spoil", source, "--out", out, "--per-item", "2") == 0
    assert "wrote 3 items" in capsys.readouterr().out
    folder = ImageFolder(out)
    assert len(folder) == 9 and not folder.unlabelled
    assert sum(record.label.damaged for record in folder) == 6
    assert len({record.label.sku for record in folder}) == 3
    for record in folder:
        assert record.frame().depth_m is not None
        assert (record.items() == 1).any()
        assert record.mask().any() == record.label.damaged


def test_items_at_the_border_are_left_out_and_counted(tmp_path, capsys):
    source = write_folder(tmp_path / "good", "a")
    write_image(source, "b", *box_scene((0, 80, 90, 70)))
    assert ended("spoil", source, "--out", tmp_path / "spoilt", "--per-item", "1") == 0
    out = capsys.readouterr().out
    assert "left out: 1 items at the border" in out and "wrote 1 items" in out


def test_recordings_are_not_overwritten(tmp_path, capsys):
    source = write_folder(tmp_path / "good", "a")
    before = sorted(source.iterdir())
    assert ended("spoil", source, "--out", source) == 2
    assert "name another one" in capsys.readouterr().err
    assert sorted(source.iterdir()) == before


def test_recordings_without_an_item_are_an_error(tmp_path, capsys):
    source = write_folder(tmp_path / "empty", "a", box=(0, 0, 1, 1))
    assert ended("spoil", source, "--out", tmp_path / "out") == 2
    assert "no item to write damage into" in capsys.readouterr().err


def test_recordings_without_depth_are_an_error_that_says_so(tmp_path, capsys):
    source = write_folder(tmp_path / "colour", "a", "b")
    for path in source.glob("*_depth.png"):
        path.unlink()
    assert ended("spoil", source, "--out", tmp_path / "out") == 2
    assert "2 items without depth" in capsys.readouterr().err


def test_the_kinds_take_turns(tmp_path):
    source = write_folder(tmp_path / "good", "a", "b", "c", "d")
    assert ended("spoil", source, "--out", tmp_path / "out", "--per-item", "1") == 0
    kinds = [record.label.kind for record in ImageFolder(tmp_path / "out")]
    assert sorted(kind for kind in kinds if kind != "none") == sorted(WRITABLE)
