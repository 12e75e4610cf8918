"""Marks cover what was drawn, and lie on the image that was reported on."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("mcap")

from made_records import SECOND_NS, START_NS, parcel

from damage_perception.kinds import CODES
from damage_perception.records.item_record import RecordError, Shape
from damage_perception.records.marks import kinds_drawn, marked_frame, outlines, reported_marks
from damage_perception.records.recording import Recording

WIDTH, HEIGHT = 320, 240


def mark(tool, *points, width_px=0.0, kind="tear"):
    return Shape("front", kind, tool, tuple(points), width_px)


def recording(*stamps, report=None):
    frames = tuple(parcel("front", stamp) for stamp in stamps)
    return Recording(report, {"front": frames}, {}, {})


def report(stamp_ns, *regions):
    return SimpleNamespace(header=header(stamp_ns), regions=list(regions))


def header(stamp_ns):
    sec, nanosec = divmod(stamp_ns, SECOND_NS)
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec))


def region(camera, stamp_ns, kind=1, corners=((1, 2), (9, 2), (9, 8))):
    points = [SimpleNamespace(x=x, y=y) for x, y in corners]
    polygon = SimpleNamespace(points=points)
    return SimpleNamespace(camera=camera, header=header(stamp_ns), kind=kind, polygon=polygon)


def test_a_box_becomes_its_four_corners():
    drawn = outlines(mark("box", (40, 70), (10, 20)), WIDTH, HEIGHT)
    assert [corners.tolist() for corners in drawn.polygons] == [
        [[10, 20], [40, 20], [40, 70], [10, 70]]
    ]
    assert drawn.area_px == pytest.approx(30 * 50, rel=0.01)


def test_a_polygon_stays_as_it_is():
    corners = [(10.5, 20.0), (60.0, 25.0), (30.0, 80.0)]
    drawn = outlines(mark("polygon", *corners), WIDTH, HEIGHT)
    assert drawn.polygons[0].tolist() == [list(corner) for corner in corners]


def test_a_stroke_is_as_wide_as_the_brush_and_round_at_its_ends():
    drawn = outlines(mark("brush", (50, 50), (150, 50), width_px=20), WIDTH, HEIGHT)
    (polygon,) = drawn.polygons
    assert polygon.min(axis=0) == pytest.approx((40, 40), abs=0.5)
    assert polygon.max(axis=0) == pytest.approx((160, 60), abs=0.5)
    assert drawn.area_px == pytest.approx(100 * 20 + np.pi * 10**2, rel=0.03)


def test_a_dab_is_a_disc():
    drawn = outlines(mark("brush", (50, 50), width_px=20), WIDTH, HEIGHT)
    assert drawn.area_px == pytest.approx(np.pi * 10**2, rel=0.05)


def test_what_reaches_out_of_the_image_is_cut_off():
    drawn = outlines(mark("brush", (5, 5), (5, 60), width_px=30), WIDTH, HEIGHT)
    assert drawn.polygons[0].min() >= 0
    beyond = outlines(mark("box", (300, 200), (500, 500)), WIDTH, HEIGHT)
    assert beyond.polygons[0].max(axis=0).tolist() == [WIDTH, HEIGHT]


@pytest.mark.parametrize(
    "thin", [mark("box", (10, 10), (60, 10.3)), mark("polygon", (5, 5), (9, 9), (5, 5))]
)
def test_what_shows_no_pixel_covers_nothing(thin):
    drawn = outlines(thin, WIDTH, HEIGHT)
    assert drawn.polygons == () and drawn.area_px == 0
    assert not kinds_drawn([thin], WIDTH, HEIGHT).any()


def test_the_last_mark_lies_on_top():
    codes = kinds_drawn(
        [mark("box", (10, 10), (50, 50), kind="crush"), mark("box", (30, 30), (50, 50))], 60, 60
    )
    assert codes[20, 20] == CODES["crush"]
    assert codes[40, 40] == CODES["tear"]
    assert codes[5, 5] == 0


def test_marks_lie_on_the_image_in_which_damage_was_reported():
    stamps = [START_NS, START_NS + SECOND_NS, START_NS + 2 * SECOND_NS]
    first, second, third = stamps
    assert marked_frame(recording(*stamps), "front").stamp_ns == third
    assert marked_frame(recording(*stamps, report=report(second)), "front").stamp_ns == second
    seen = report(third, region("top", second), region("front", first))
    assert marked_frame(recording(*stamps, report=seen), "front").stamp_ns == first
    with pytest.raises(RecordError, match="no images of camera 'top'"):
        marked_frame(recording(*stamps), "top")


def test_regions_of_the_report_become_polygons():
    seen = report(START_NS, region("front", START_NS, CODES["hole"]))
    assert reported_marks(seen) == [
        Shape("front", "hole", "polygon", ((1.0, 2.0), (9.0, 2.0), (9.0, 8.0)))
    ]
    assert reported_marks(None) == []


def test_regions_that_cannot_be_marks_are_left_out():
    line = region("front", START_NS, corners=((1, 2), (9, 2)))
    assert reported_marks(report(START_NS, region("front", START_NS, kind=99), line)) == []
