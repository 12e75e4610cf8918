"""The image-folder format: what is there is read, what is wrong is said."""

import json
import string

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_folder import (
    CAMERA,
    HEIGHT,
    WIDTH,
    box_scene,
    write_camera,
    write_folder,
    write_image,
    write_labels,
)

from damage_perception.dataset import DatasetError, ImageFolder
from damage_perception.kinds import KINDS, NONE

FILE_CHARACTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
FILE_NAMES = st.text(FILE_CHARACTERS, max_size=30)


@pytest.fixture(scope="module")
def two_images(tmp_path_factory):
    """A folder of the images a and b, whose text files a property test may overwrite."""
    return write_folder(tmp_path_factory.mktemp("two"), "a", "b")


def test_colour_is_rgb_and_depth_is_metres(tmp_path):
    write_camera(tmp_path, depth_unit_m=0.0001)
    color, _ = box_scene((10, 10, 50, 50))
    color[...] = (200, 20, 30)
    depth = np.full((HEIGHT, WIDTH), 8000, np.uint16)
    depth[0, :3] = (0, 1, 65535)
    write_image(tmp_path, "a", color, depth)
    (record,) = ImageFolder(tmp_path)
    frame = record.frame()
    assert frame.color[5, 5].tolist() == [200, 20, 30]
    np.testing.assert_allclose(frame.depth_m[0, :4], [0, 0.0001, 6.5535, 0.8], rtol=1e-6)
    assert (frame.camera.fx, frame.camera.cy) == (300.0, 119.5)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".PNG", ".JPG"])
def test_every_kind_of_colour_image_is_found(tmp_path, suffix):
    write_camera(tmp_path)
    write_image(tmp_path, "x", *box_scene((9, 9, 40, 40)), suffix=suffix)
    (record,) = ImageFolder(tmp_path)
    assert record.name == "x"
    assert record.frame().depth_m is not None


def test_images_come_in_the_order_of_their_names_with_rising_stamps(tmp_path):
    folder = ImageFolder(write_folder(tmp_path, "b", "a", "c"))
    assert [record.name for record in folder] == ["a", "b", "c"]
    stamps = [record.frame().stamp_ns for record in folder]
    assert sorted(set(stamps)) == stamps
    assert stamps[0] > 0


def test_an_image_without_depth_is_a_frame_without_depth(tmp_path):
    write_camera(tmp_path)
    write_image(tmp_path, "a", box_scene((9, 9, 40, 40))[0])
    (record,) = ImageFolder(tmp_path)
    assert record.frame().depth_m is None


def test_labels_keep_their_further_columns(tmp_path):
    write_folder(tmp_path, "a", "b")
    columns = ("form", "name", "sku", "role", "damaged", "kind", "severity")
    write_labels(
        tmp_path,
        ("box", "a", "17", "query", "1", "tear", "0.4"),
        ("bag", "b", "18", "reference", "false", "none", ""),
        columns=columns,
    )
    a, b = (record.label for record in ImageFolder(tmp_path))
    assert (a.sku, a.role, a.damaged, a.kind) == ("17", "query", True, "tear")
    assert a.extra == {"form": "box", "severity": "0.4"}
    assert (b.role, b.damaged, b.kind) == ("reference", False, "none")


def test_labels_of_a_spreadsheet_are_read(tmp_path):
    write_folder(tmp_path, "a")
    text = "name,sku,role,damaged,kind\r\na,s,query,TRUE,Hole\r\n"
    (tmp_path / "labels.csv").write_bytes(text.encode("utf-8-sig"))
    (record,) = ImageFolder(tmp_path)
    assert (record.label.damaged, record.label.kind) == (True, "hole")


def test_images_that_the_labels_leave_out_are_named(tmp_path):
    write_folder(tmp_path, "a", "b", "c")
    write_labels(tmp_path, ("b", "s", "query", "0", "none"))
    folder = ImageFolder(tmp_path)
    assert folder.unlabelled == ("a", "c")
    assert [record.label is None for record in folder] == [True, False, True]
    assert len(folder) == 3


def test_without_labels_nothing_counts_as_left_out(tmp_path):
    folder = ImageFolder(write_folder(tmp_path, "a"))
    assert (folder.labelled, folder.unlabelled) == (False, ())


def test_masks_of_damage_and_items_are_read_where_they_are(tmp_path):
    write_folder(tmp_path, "a")
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[3, 4] = 5
    write_image(tmp_path, "b", *box_scene((9, 9, 40, 40)), mask=mask, items=mask)
    a, b = ImageFolder(tmp_path)
    assert (a.mask(), a.items()) == (None, None)
    assert np.argwhere(b.mask()).tolist() == [[3, 4]]
    assert b.items()[3, 4] == 5


@pytest.mark.parametrize(
    "mask",
    [
        np.uint8([[[0, 0, 1]]]),
        np.uint8([[[0, 2, 0, 255]]]),
        np.uint16([[3]]),
    ],
)
def test_masks_of_every_type_mark_what_is_not_black(tmp_path, mask):
    write_folder(tmp_path, "a")
    image = np.zeros((HEIGHT, WIDTH, *mask.shape[2:]), mask.dtype)
    if image.ndim == 3:
        image[..., 3:] = 255
    image[7, 9] = mask[0, 0]
    write_image(tmp_path, "a", *box_scene((9, 9, 40, 40)), mask=image)
    (record,) = ImageFolder(tmp_path)
    assert np.argwhere(record.mask()).tolist() == [[7, 9]]


def test_a_mask_of_another_size_is_refused(tmp_path):
    write_folder(tmp_path, "a")
    write_image(tmp_path, "a", *box_scene(), mask=np.zeros((5, 6), np.uint8))
    (record,) = ImageFolder(tmp_path)
    with pytest.raises(DatasetError, match=r"a_mask\.png is 6x5; expected 320x240"):
        record.mask()


def test_a_camera_file_given_stands_in_for_the_folders_own(tmp_path):
    write_folder(tmp_path / "images", "a")
    (tmp_path / "images" / "camera.json").unlink()
    write_camera(tmp_path, fx=111.0)
    (record,) = ImageFolder(tmp_path / "images", tmp_path / "camera.json")
    assert record.frame().camera.fx == 111.0


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"nowhere cannot be read: No such file"):
        ImageFolder(tmp_path / "nowhere")


def test_a_folder_without_images_says_what_it_looked_for(tmp_path):
    write_camera(tmp_path)
    with pytest.raises(DatasetError, match=r"no images; expected NAME_color\.png"):
        ImageFolder(tmp_path)


def test_two_files_of_one_image_are_refused(tmp_path):
    write_folder(tmp_path, "a")
    write_image(tmp_path, "a", box_scene((9, 9, 40, 40))[0], suffix=".jpg")
    with pytest.raises(DatasetError, match="both the image 'a'"):
        ImageFolder(tmp_path)


def test_a_missing_camera_file_shows_what_one_looks_like(tmp_path):
    write_folder(tmp_path, "a")
    (tmp_path / "camera.json").unlink()
    with pytest.raises(DatasetError, match=r'camera\.json cannot be read.*"depth_unit_m": 0\.001'):
        ImageFolder(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps({k: v for k, v in CAMERA.items() if k != "fy"}), "lacks fy"),
        (json.dumps(CAMERA | {"cx": "160"}), "cx is '160'"),
        (json.dumps(CAMERA | {"cx": True}), "cx is True"),
        (json.dumps(CAMERA | {"cy": float("nan")}), "cy is nan"),
        (json.dumps(CAMERA | {"fx": 10**400}), "fx is 1000"),
        (json.dumps(CAMERA | {"fx": 0}), "fx=0"),
        (json.dumps(CAMERA | {"width": 320.5}), "whole pixels"),
        (json.dumps(CAMERA | {"height": -1}), "positive"),
        (json.dumps(CAMERA | {"depth_unit_m": 0}), "depth_unit_m is 0"),
    ],
)
def test_a_wrong_camera_file_is_refused(tmp_path, content, message):
    write_folder(tmp_path, "a")
    (tmp_path / "camera.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        ImageFolder(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("z", "s", "query", "0", "none"), "labels 'z', but .* holds no z_color image"),
        (("a", "s", "query", "0", "dent"), "kind is 'dent'; expected none, crush"),
        (("a", "s", "query", "yes", "none"), "damaged is 'yes'; expected 0, 1"),
        (("a", "s", "quarry", "0", "none"), "role is 'quarry'; expected query or reference"),
        (("a", "s", "query", "0", "tear"), "damaged is 0, but kind is tear"),
        (("a", "s", "query", "0"), "number of fields"),
        (("a", "s", "query", "0", "none", "more"), "number of fields"),
    ],
)
def test_a_wrong_label_is_refused_with_its_line(tmp_path, row, message):
    write_folder(tmp_path, "a", "b")
    write_labels(tmp_path, ("b", "s", "query", "1", "tear"), row)
    with pytest.raises(DatasetError, match=f"line 3.*{message}"):
        ImageFolder(tmp_path)


def test_an_image_labelled_twice_is_refused(tmp_path):
    write_folder(tmp_path, "a")
    write_labels(tmp_path, ("a", "s", "query", "1", "tear"), ("a", "s", "query", "0", "none"))
    with pytest.raises(DatasetError, match="labels 'a' again"):
        ImageFolder(tmp_path)


def test_labels_without_their_columns_are_refused(tmp_path):
    write_folder(tmp_path, "a")
    write_labels(tmp_path, ("a", "1"), columns=("name", "damaged"))
    with pytest.raises(DatasetError, match="lacks the column sku, role, kind"):
        ImageFolder(tmp_path)


def spoil(folder, how):
    """Makes image "b" of the folder one that cannot be read."""
    color, depth = folder / "b_color.png", folder / "b_depth.png"
    if how == "truncated colour":
        color.write_bytes(color.read_bytes()[:2000])
    elif how == "empty colour":
        color.write_bytes(b"")
    elif how == "truncated JPEG":
        whole = cv2.imencode(".jpg", cv2.imread(str(color)))[1].tobytes()
        color.write_bytes(whole[: len(whole) // 2])
    elif how == "colour of another size":
        cv2.imwrite(str(color), np.zeros((10, 20, 3), np.uint8))
    elif how == "depth of another size":
        cv2.imwrite(str(depth), np.zeros((10, 20), np.uint16))
    elif how == "depth of 8 bits":
        cv2.imwrite(str(depth), np.zeros((HEIGHT, WIDTH), np.uint8))
    elif how == "depth in colour":
        cv2.imwrite(str(depth), np.zeros((HEIGHT, WIDTH, 3), np.uint16))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated colour", r"b_color\.png is not an image, or breaks off"),
        ("empty colour", r"b_color\.png is not an image"),
        ("truncated JPEG", r"b_color\.png is not an image, or breaks off"),
        ("colour of another size", r"b_color\.png: colour image is 20x10.*camera\.json"),
        ("depth of another size", r"b_color\.png: depth image is float32 \(10, 20\)"),
        ("depth of 8 bits", r"b_depth\.png is uint8.*expected a 16-bit grey PNG"),
        ("depth in colour", r"b_depth\.png is uint16 \(240, 320, 3\)"),
    ],
)
def test_an_image_that_cannot_be_read_does_not_keep_the_others_from_it(tmp_path, how, message):
    write_folder(tmp_path, "a", "b", "c")
    spoil(tmp_path, how)
    a, b, c = ImageFolder(tmp_path)
    with pytest.raises(DatasetError, match=message):
        b.frame()
    assert a.frame().color.shape == c.frame().color.shape


@given(names=st.sets(FILE_NAMES, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_name_that_a_file_can_have_is_read_back(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("names")
    write_camera(folder)
    pixel = cv2.imencode(".png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    for name in names:
        (folder / f"{name}_color.png").write_bytes(pixel)
    write_labels(folder, *((name, "", "query", 1, KINDS[0]) for name in names))
    records = list(ImageFolder(folder))
    assert {record.name for record in records} == names
    assert all(record.frame() and record.label for record in records)


CELLS = st.text(string.printable, max_size=8)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "z"]) | CELLS,
        CELLS,
        st.sampled_from(["query", "reference"]) | CELLS,
        st.sampled_from(["0", "1", "true"]) | CELLS,
        st.sampled_from([NONE, *KINDS]) | CELLS,
    ),
    max_size=3,
)


@given(rows=ROWS)
@settings(max_examples=200, deadline=None)
def test_labels_are_read_whole_or_refused(two_images, rows):
    write_camera(two_images)
    write_labels(two_images, *rows)
    try:
        records = {record.name: record for record in ImageFolder(two_images)}
    except DatasetError as error:
        assert "labels.csv" in str(error)
        return
    assert {row[0] for row in rows} == {n for n, record in records.items() if record.label}
    for name, _, role, damaged, kind in rows:
        label = records[name].label
        assert (label.role, label.kind) == (role.strip().lower(), kind.strip().lower())
        assert label.damaged == (damaged.strip().lower() in ("1", "true"))


@given(content=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_in_the_text_files_raise_anything_else(two_images, content):
    write_camera(two_images)
    (two_images / "labels.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=r"labels\.csv"):
        ImageFolder(two_images)
    (two_images / "labels.csv").unlink()
    (two_images / "camera.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"camera\.json"):
        ImageFolder(two_images)


@given(value=st.one_of(st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=2)))
@settings(max_examples=30, deadline=None)
def test_a_camera_file_takes_only_numbers(two_images, value):
    (two_images / "labels.csv").unlink(missing_ok=True)
    write_camera(two_images, fx=value)
    with pytest.raises(DatasetError, match="fx is"):
        ImageFolder(two_images)
