"""Overlays show what was found and decided, and leave the frame alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage_perception.frame import CameraModel, Frame
from damage_perception.kinds import COLORS, KINDS
from damage_perception.overlay import (
    VERDICT_COLORS,
    contact_sheet,
    draw_overlay,
    verdict_text,
    write_picture,
)
from damage_perception.station import Item
from damage_perception.verdict.picture import Picture
from damage_perception.verdict.regions import Region
from damage_perception.verdict.report import Reason, Report, Verdict


def gray_frame(width=320, height=240):
    color = np.full((height, width, 3), 120, np.uint8)
    return Frame(color, None, CameraModel(width, height, 300.0, 300.0, width / 2, height / 2))


def drawn(frame, box, reports):
    """The overlay of items that all lie in one box."""
    x, y, width, height = box
    mask = np.zeros(frame.color.shape[:2], bool)
    mask[y : y + height, x : x + width] = True
    outline = Item(mask, box, None, 1.0, False).outline
    pictures = [Picture("camera", "", frame.color, outline)] * len(reports)
    return draw_overlay(frame.color, pictures, reports)


def region_at(x, y, width, height, kind, camera="camera"):
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    polygon = np.array(corners, np.float32)
    return Region(kind, 0.8, (x, y, width, height), polygon, camera, "", 0, None, None, 0.0)


def report_of(verdict, reasons=Reason.NONE, confidence=0.5, regions=()):
    kinds = dict.fromkeys(KINDS, 0.0)
    return Report(
        "item-1", "", verdict, reasons, confidence, 0.5, kinds, tuple(regions), (), 1, 0, "", 0,
        None, "", "", "", "",
    )  # fmt: skip


def share_near(image, color, box):
    """Share of the pixels in a box that are nearly of one colour."""
    x, y, width, height = box
    part = image[y : y + height, x : x + width].astype(int)
    return float((np.abs(part - np.array(color)).max(axis=2) < 30).mean())


@pytest.mark.parametrize("verdict", list(Verdict))
def test_an_item_is_outlined_in_the_colour_of_its_verdict(verdict):
    frame = gray_frame()
    before = frame.color.copy()
    image = drawn(frame, (100, 80, 120, 90), [report_of(verdict)])
    left_edge = (98, 90, 5, 60)
    assert share_near(image, VERDICT_COLORS[verdict], left_edge) > 0.15
    for other in set(Verdict) - {verdict}:
        assert share_near(image, VERDICT_COLORS[other], left_edge) == 0
    np.testing.assert_array_equal(frame.color, before)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_filled_and_outlined_in_the_colour_of_its_kind(kind):
    frame = gray_frame()
    report = report_of(Verdict.DIVERT, Reason.DAMAGE, 0.9, [region_at(120, 90, 60, 50, kind)])
    image = drawn(frame, (100, 80, 120, 90), [report])
    expected = 0.35 * np.array(COLORS[kind]) + 0.65 * 120
    np.testing.assert_allclose(image[130, 150], expected, atol=3)
    assert share_near(image, COLORS[kind], (118, 95, 5, 40)) > 0.15


def test_damage_that_another_camera_saw_is_not_drawn_onto_this_image():
    frame = gray_frame()
    report = report_of(Verdict.DIVERT, regions=[region_at(120, 90, 60, 50, KINDS[0], "other")])
    assert (drawn(frame, (100, 80, 120, 90), [report])[100:150, 130:170] == 120).all()


def test_verdicts_are_told_with_confidence_and_reasons():
    assert verdict_text(report_of(Verdict.PASS, confidence=0.031)) == "pass 0.03"
    reasons = Reason.NO_DEPTH | Reason.CUT_OFF
    text = verdict_text(report_of(Verdict.UNKNOWN, reasons, float("nan")))
    assert text == "unknown (no depth, cut off)"


def test_items_and_reports_have_to_go_together():
    frame = gray_frame()
    with pytest.raises(ValueError, match="shorter"):
        draw_overlay(frame.color, [Picture("camera", "", frame.color)], [])


@given(
    size=st.tuples(st.integers(8, 400), st.integers(8, 400)),
    box=st.tuples(*[st.floats(0, 1)] * 4),
    verdict=st.sampled_from(Verdict),
    count=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_items_anywhere_in_images_of_any_size_are_drawn(size, box, verdict, count):
    frame = gray_frame(*size)
    x, y = int(box[0] * (size[0] - 2)), int(box[1] * (size[1] - 2))
    width = max(1, int(box[2] * (size[0] - x)))
    height = max(1, int(box[3] * (size[1] - y)))
    region = region_at(x, y, width, height, KINDS[0])
    image = drawn(frame, (x, y, width, height), [report_of(verdict, regions=[region])] * count)
    assert (image.shape, image.dtype) == (frame.color.shape, np.uint8)


def test_a_contact_sheet_has_a_cell_for_every_image():
    images = [np.full((60, 80, 3), 40 * i, np.uint8) for i in range(1, 6)]
    sheet = contact_sheet(images, [f"image {i}" for i in range(5)], columns=3)
    rows = sheet.shape[0] // 2
    for i in range(5):
        center = sheet[i // 3 * rows + 100, i % 3 * 320 + 160]
        np.testing.assert_allclose(center, 40 * (i + 1), atol=1)
    assert sheet[rows + 100, 2 * 320 + 160].max() < 40


def test_images_of_other_proportions_fit_into_their_cells():
    images = [np.full((48, 64, 3), 200, np.uint8), np.full((200, 10, 3), 200, np.uint8)]
    sheet = contact_sheet(images, ["wide", "high"], columns=2)
    assert sheet.shape[1] == 640
    assert (sheet[:240, 320:] > 150).mean() < 0.2


@pytest.mark.parametrize("case", [([], [], 2), ([1], ["a", "b"], 2), ([1], ["a"], 0)])
def test_a_contact_sheet_needs_images_with_captions(case):
    images, captions, columns = case
    with pytest.raises(ValueError, match="expected as many captions"):
        contact_sheet([np.zeros((4, 4, 3), np.uint8) for _ in images], captions, columns)


def test_pictures_are_written_as_their_name_says(tmp_path):
    image = np.zeros((20, 30, 3), np.uint8)
    image[..., 0] = 250
    for name, start in (("a.png", b"\x89PNG"), ("a.jpg", b"\xff\xd8")):
        write_picture(tmp_path / name, image)
        assert (tmp_path / name).read_bytes().startswith(start)
