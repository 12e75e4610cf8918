"""Every item is answered once and in time, whatever the cameras do."""

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damage_perception.kinds import KINDS
from damage_perception.verdict.evidence import KEPT_PER_CAMERA, Evidence, Sighting
from damage_perception.verdict.place import Place
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.tracker import (
    ANSWERED_AT_ONCE,
    MOST_ANNOUNCED,
    Announcement,
    ItemTracker,
    TooManyAnnouncedError,
)

MS = 1_000_000
POLICY = VerdictPolicy.at(
    0.5,
    frames_per_camera=2,
    deadline_ns=1000 * MS,
    leave_ns=300 * MS,
    join_radius_m=0.1,
)
CAMERAS = {"top": frozenset({"top"}), "station": frozenset({"left", "right"})}


def sighting(logit=-3.0, camera="top", faults=Reason.NONE, stamp=0):
    logit = float("nan") if logit is None else logit
    kinds = np.full(len(KINDS), 1 / (1 + np.exp(-logit)), np.float32)
    center = np.array([0.0, 0.0, 1.0])
    return Sighting(camera, "optical", stamp, center, logit, kinds, faults, ())


def seen(x=0.0, logit=-3.0, camera="top", faults=Reason.NONE, stamp=0, footprint=None):
    """An item at ``x``: where it is, and what speaks of its damage."""
    place = Place(camera, stamp, np.array([x, 0.0, 1.0]), footprint)
    return place, sighting(logit, camera, faults, stamp)


def show(tracker, items, time, camera="top", station="top", now=None):
    """Shows what ``seen`` says, as the inspector does: evidence of what waits, and no other.

    now  when the frame of ``time`` is handled; at once, where it is not given
    """
    places = [replace(place, stamp_ns=place.stamp_ns or time) for place, _ in items]
    tracks = tracker.follow(station, camera, places, time, time if now is None else now)
    for track, (_, evidence) in zip(tracks, items, strict=True):
        if not track.reported:
            tracker.add(track, evidence)
    return tracks


def decided(evidence, cameras, missing):
    """Verdict, reasons and confidence of an item without a name."""
    told = POLICY.decide(evidence, "", False, cameras, missing)
    return told.verdict, told.reasons, told.confidence


def test_an_item_is_reported_once_when_its_frames_suffice():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen()], 0)
    assert tracker.due(0, CAMERAS) == []
    show(tracker, [seen(0.01)], 100 * MS)
    (due,) = tracker.due(100 * MS, CAMERAS)
    assert due.missing is Reason.NONE
    for time in range(200, 2000, 100):
        show(tracker, [seen(0.01)], time * MS)
        assert tracker.due(time * MS, CAMERAS) == []


def test_an_item_without_enough_frames_is_reported_at_its_deadline():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen()], 0)
    assert tracker.due(999 * MS, CAMERAS) == []
    (due,) = tracker.due(1000 * MS, CAMERAS)
    assert Reason.DEADLINE in due.missing


def test_an_item_that_leaves_early_is_reported_as_it_leaves():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen()], 0)
    show(tracker, [], 200 * MS)
    assert tracker.due(200 * MS, CAMERAS) == []
    show(tracker, [], 400 * MS)
    assert len(tracker.due(400 * MS, CAMERAS)) == 1


def test_where_frames_are_lost_what_comes_in_the_place_of_an_item_is_another():
    tracker = ItemTracker(POLICY)
    for time in (0, 100):
        (first,) = show(tracker, [seen()], time * MS)
    assert len(tracker.due(100 * MS, CAMERAS)) == 1
    show(tracker, [], 200 * MS)
    tracker.announce(Announcement("next"), 400 * MS)
    for time in (450, 550):
        (second,) = show(tracker, [seen()], time * MS)
    assert second is not first
    (due,) = tracker.due(550 * MS, CAMERAS)
    assert due.item_id == "next"


def test_frames_that_are_handled_late_do_not_keep_an_item_that_left():
    tracker = ItemTracker(POLICY)
    (first,) = show(tracker, [seen()], 0)
    show(tracker, [seen()], 100 * MS, now=400 * MS)
    assert len(tracker.due(400 * MS, CAMERAS)) == 1
    for time in (200, 300, 401):
        show(tracker, [], time * MS, now=(time + 100) * MS)
        tracker.due((time + 100) * MS, CAMERAS)
    (second,) = show(tracker, [seen()], 450 * MS, now=520 * MS)
    assert second is not first


def test_an_item_that_cannot_be_judged_does_not_leave_its_name_to_the_next():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("glaring"), 0)
    for time in (0, 100):
        show(tracker, [seen(faults=Reason.EXPOSURE)], time * MS)
    assert tracker.due(100 * MS, CAMERAS) == []
    for time in (200, 300, 401):
        show(tracker, [], time * MS)
    (due,) = tracker.due(401 * MS, CAMERAS)
    assert due.item_id == "glaring"
    verdict, reasons, _ = decided(due.evidence, CAMERAS["top"], due.missing)
    assert verdict is Verdict.UNKNOWN
    assert reasons == Reason.EXPOSURE | Reason.LEFT | Reason.NO_EVIDENCE
    tracker.announce(Announcement("next"), 450 * MS)
    for time in (500, 600):
        show(tracker, [seen()], time * MS)
    (due,) = tracker.due(600 * MS, CAMERAS)
    assert due.item_id == "next"


def test_what_was_out_of_sight_before_an_announcement_is_not_what_it_announces():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen()], 100 * MS)
    show(tracker, [], 200 * MS)
    tracker.announce(Announcement("next", stamp_ns=250 * MS), 250 * MS)
    for time in (300, 401):
        show(tracker, [], time * MS)
    (due,) = tracker.due(401 * MS, CAMERAS)
    assert due.item_id.startswith("item-")
    for time in (500, 600):
        show(tracker, [seen()], time * MS)
    (due,) = tracker.due(600 * MS, CAMERAS)
    assert due.item_id == "next"


def test_an_item_in_sight_takes_a_name_that_comes_after_it():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen()], 100 * MS)
    tracker.announce(Announcement("late", stamp_ns=150 * MS), 150 * MS)
    show(tracker, [seen()], 200 * MS)
    (due,) = tracker.due(200 * MS, CAMERAS)
    assert due.item_id == "late"


def test_a_neighbour_that_is_cut_off_takes_no_name():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("whole"), 0)
    for time in (0, 100, 200):
        show(tracker, [seen(1.0, faults=Reason.CUT_OFF)], time * MS)
    for time in (300, 400):
        show(tracker, [seen(1.0, faults=Reason.CUT_OFF), seen()], time * MS)
    (due,) = tracker.due(400 * MS, CAMERAS)
    assert due.item_id == "whole" and due.evidence.logit() == -3.0


def test_an_item_that_is_not_found_in_one_frame_stays():
    tracker = ItemTracker(POLICY)
    for time in (0, 100):
        (first,) = show(tracker, [seen()], time * MS)
    tracker.due(100 * MS, CAMERAS)
    show(tracker, [], 200 * MS)
    assert show(tracker, [seen()], 300 * MS) == [first]


def test_a_short_silence_does_not_make_a_reported_item_come_again():
    tracker = ItemTracker(POLICY)
    for time in (0, 100):
        show(tracker, [seen()], time * MS)
    assert len(tracker.due(100 * MS, CAMERAS)) == 1
    for time in (1100, 1200, 1300):
        show(tracker, [seen()], time * MS)
        assert tracker.due(time * MS, CAMERAS) == []


def test_after_a_long_silence_what_lies_there_is_judged_again():
    tracker = ItemTracker(POLICY)
    answered = []
    for time in (0, 100, 5000, 5100):
        tracker.due(time * MS - 1, CAMERAS)
        show(tracker, [seen()], time * MS)
        answered += tracker.due(time * MS, CAMERAS)
    assert len({due.item_id for due in answered}) == 2


def test_of_two_cameras_the_silent_one_does_not_make_an_item_leave():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen(camera="left")], 0, "left", "station")
    for time in range(100, 1000, 100):
        show(tracker, [], time * MS, "right", "station")
        assert tracker.due(time * MS, CAMERAS) == []
    (due,) = tracker.due(1000 * MS, CAMERAS)
    assert due.missing is Reason.DEADLINE


def test_neighbours_on_a_belt_keep_their_evidence():
    """Each frame moves the items nearly to where their neighbours were."""
    tracker = ItemTracker(POLICY)
    starts = {-4.0: 0, 5.0: 2, -5.0: 4}
    answered = []
    for frame in range(12):
        items = [
            seen(0.05 * (frame - first), logit, stamp=frame * 100 * MS)
            for logit, first in starts.items()
            if first <= frame
        ]
        show(tracker, items, frame * 100 * MS)
        answered += tracker.due(frame * 100 * MS, CAMERAS)
    assert [due.evidence.logit() for due in answered[:3]] == [-4.0, 5.0, -5.0]


def test_what_two_cameras_see_of_a_large_box_is_one_item():
    tracker = ItemTracker(POLICY)
    for time in (0, 100):
        for camera, x in (("left", -0.09), ("right", 0.09)):
            # Both see the top, each its own side.
            footprint = np.array([x / 3 - 0.12, -0.1, x / 3 + 0.12, 0.1])
            item = seen(x, camera=camera, footprint=footprint)
            show(tracker, [item], time * MS, camera, "station")
    (due,) = tracker.due(100 * MS, CAMERAS)
    assert set(due.evidence.of_cameras()) == {"left", "right"}


def test_two_cameras_of_one_station_see_one_item():
    tracker = ItemTracker(POLICY)
    for time in (0, 100):
        for camera, x in (("left", 0.0), ("right", 0.03)):
            show(tracker, [seen(x, camera=camera)], time * MS, camera, "station")
    (due,) = tracker.due(100 * MS, CAMERAS)
    assert set(due.evidence.of_cameras()) == {"left", "right"}


def test_one_of_two_cameras_alone_does_not_suffice():
    tracker = ItemTracker(POLICY)
    for time in (0, 100, 200):
        show(tracker, [seen(camera="left")], time * MS, "left", "station")
    assert tracker.due(200 * MS, CAMERAS) == []
    (due,) = tracker.due(1000 * MS, CAMERAS)
    verdict, reasons, _ = decided(
        due.evidence, CAMERAS["station"], due.missing | Reason.STALE_CAMERA
    )
    assert verdict is Verdict.UNKNOWN
    assert Reason.STALE_CAMERA in reasons


def test_neighbours_keep_their_ids_when_their_order_changes():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen(0.0), seen(0.3, logit=4.0)], 0)
    show(tracker, [seen(0.31, logit=4.0), seen(0.01)], 100 * MS)
    due = tracker.due(100 * MS, CAMERAS)
    assert [round(entry.evidence.logit()) for entry in due] == [-3, 4]


def test_an_announced_item_that_never_comes_is_answered():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("parcel", "sku", deadline_ns=500 * MS), 0)
    assert tracker.due(499 * MS, CAMERAS) == []
    (due,) = tracker.due(500 * MS, CAMERAS)
    assert (due.item_id, due.missing) == ("parcel", Reason.NOT_FOUND | Reason.DEADLINE)
    assert tracker.due(5000 * MS, CAMERAS) == []


def test_an_announcement_names_the_next_item():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("parcel", "sku"), 0)
    show(tracker, [seen()], 800 * MS)
    assert tracker.due(1700 * MS, CAMERAS) == [], "the deadline counts from the first sighting"
    (due,) = tracker.due(1800 * MS, CAMERAS)
    assert (due.item_id, due.sku) == ("parcel", "sku")


def test_a_late_announcement_names_the_item_that_waits():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen()], 0)
    tracker.announce(Announcement("parcel", deadline_ns=200 * MS), 50 * MS)
    (due,) = tracker.due(200 * MS, CAMERAS)
    assert due.item_id == "parcel"


def test_an_announcement_waits_for_an_item_that_can_be_judged():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("parcel"), 0)
    show(tracker, [seen(0.5, faults=Reason.CUT_OFF)], 0)
    for time in (0, 100):
        show(tracker, [seen(0.5, faults=Reason.CUT_OFF), seen()], time * MS)
    (due,) = tracker.due(100 * MS, CAMERAS)
    assert due.item_id == "parcel"
    assert not due.evidence.faults


def test_an_announced_item_that_cannot_be_judged_says_why():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("parcel", deadline_ns=500 * MS), 0)
    for time in range(0, 600, 100):
        show(tracker, [seen(faults=Reason.EXPOSURE)], time * MS)
        due = tracker.due(time * MS, CAMERAS)
    assert [entry.item_id for entry in due] == ["parcel"]
    assert due[0].evidence.faults is Reason.EXPOSURE
    assert tracker.drain() == []


def test_an_announcement_that_comes_after_the_report_names_no_other_item():
    tracker = ItemTracker(POLICY)
    for time in (100, 200):
        show(tracker, [seen(stamp=time * MS)], time * MS)
    assert len(tracker.due(200 * MS, CAMERAS)) == 1
    tracker.announce(Announcement("late", stamp_ns=50 * MS), 250 * MS)
    (due,) = tracker.due(250 * MS, CAMERAS)
    assert (due.item_id, due.missing) == ("late", Reason.NONE)
    tracker.announce(Announcement("next", stamp_ns=260 * MS), 260 * MS)
    show(tracker, [seen(stamp=300 * MS)], 300 * MS)
    assert tracker.due(300 * MS, CAMERAS) == []


def test_an_item_announced_after_its_report_waits_for_the_evidence_that_it_lacks():
    tracker = ItemTracker(POLICY)
    show(tracker, [seen(stamp=100 * MS)], 100 * MS)
    (due,) = tracker.due(1100 * MS, CAMERAS)
    assert Reason.DEADLINE in due.missing
    tracker.announce(Announcement("late", stamp_ns=50 * MS), 1200 * MS)
    assert tracker.due(1200 * MS, CAMERAS) == []
    show(tracker, [seen(stamp=1300 * MS)], 1300 * MS)
    (due,) = tracker.due(1300 * MS, CAMERAS)
    assert (due.item_id, due.missing) == ("late", Reason.NONE)


def test_an_announcement_for_one_camera_is_not_for_another():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("parcel", camera="right"), 0)
    for time in (0, 100):
        show(tracker, [seen()], time * MS)
    (due,) = tracker.due(100 * MS, CAMERAS)
    assert due.item_id != "parcel"


def test_evidence_of_an_item_that_stays_is_bounded():
    evidence = Evidence()
    for time in range(1000):
        evidence.add(sighting(stamp=time + 1, faults=Reason(Reason.BLUR * (time % 2))))
    assert len(evidence.sightings) == KEPT_PER_CAMERA
    assert evidence.first_seen_ns == 1
    assert evidence.faults is Reason.BLUR
    assert all(kept.usable for kept in evidence.sightings)


def test_nothing_passes_on_a_stale_camera():
    evidence = Evidence([sighting(), sighting()])
    assert decided(evidence, CAMERAS["top"], Reason.NONE)[0] is Verdict.PASS
    for fault in (Reason.STALE_CAMERA, Reason.MALFORMED_INPUT, Reason.BACKEND_FAULT):
        verdict, reasons, _ = decided(evidence, CAMERAS["top"], fault)
        assert (verdict, reasons) == (Verdict.UNKNOWN, fault)


def test_an_announcement_is_refused_while_its_id_waits():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("parcel"), 0)
    with pytest.raises(ValueError, match="parcel"):
        tracker.announce(Announcement("parcel"), 0)
    with pytest.raises(ValueError, match="empty"):
        Announcement("")


def test_more_announcements_than_can_wait_are_refused():
    tracker = ItemTracker(POLICY)
    for number in range(MOST_ANNOUNCED):
        tracker.announce(Announcement(f"{number}"), 0)
    with pytest.raises(TooManyAnnouncedError, match="'one more' is one too many: 2000 announced"):
        tracker.announce(Announcement("one more"), 0)
    assert tracker.due(1000 * MS, CAMERAS)
    tracker.announce(Announcement("one more"), 1000 * MS)


def test_of_many_that_are_due_together_some_are_answered_at_once_and_then_the_others():
    tracker = ItemTracker(POLICY)
    for number in range(300):
        tracker.announce(Announcement(f"late {number}", deadline_ns=10 * MS), 0)
    tracker.announce(Announcement("overdue", deadline_ns=5 * MS), 0)
    answered, time = [], 10 * MS
    while len(answered) < 301:
        now = tracker.due(time, CAMERAS)
        assert len(now) <= ANSWERED_AT_ONCE
        answered += [due.item_id for due in now]
        time += 20 * MS
        assert time < 1000 * MS
    assert answered[0] == "overdue" and len(set(answered)) == 301
    assert tracker.due(10_000 * MS, CAMERAS) == []


def test_thousands_of_announcements_do_not_hold_up_what_is_seen():
    tracker = ItemTracker(POLICY)
    start_s = perf_counter()
    for number in range(MOST_ANNOUNCED):
        tracker.announce(Announcement(f"{number}", camera="side"), 0)
    announced_s = perf_counter() - start_s
    start_s = perf_counter()
    show(tracker, [seen()], 0)
    tracker.due(0, CAMERAS)
    assert announced_s < 0.1 and perf_counter() - start_s < 0.02


def test_nothing_waits_after_draining():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("seen"), 0)
    show(tracker, [seen()], 0)
    tracker.announce(Announcement("unseen"), 0)
    assert {due.item_id for due in tracker.drain()} == {"seen", "unseen"}
    assert tracker.drain() == []


@given(
    rounds=st.lists(st.lists(st.floats(-1, 1), max_size=4, unique=True), min_size=1, max_size=25),
    step_ms=st.integers(1, 500),
)
@settings(max_examples=150, deadline=None)
def test_every_item_is_answered_exactly_once(rounds, step_ms):
    tracker = ItemTracker(POLICY)
    answered = []
    now = 0
    for positions in rounds:
        now += step_ms * MS
        show(tracker, [seen(x) for x in positions], now)
        answered += [due.item_id for due in tracker.due(now, CAMERAS)]
    answered += [due.item_id for due in tracker.due(now + 1000 * MS, CAMERAS)]
    assert tracker.drain() == []
    assert len(answered) == len(set(answered))
    assert bool(answered) == any(rounds)


@given(logits=st.lists(st.one_of(st.none(), st.floats(-20, 20)), max_size=6), faulty=st.booleans())
def test_only_whole_and_clean_evidence_passes(logits, faulty):
    fault = Reason.CUT_OFF if faulty else Reason.NONE
    evidence = Evidence([sighting(logit=logit, faults=fault) for logit in logits])
    usable = [] if faulty else [logit for logit in logits if logit is not None]
    verdict, reasons, confidence = decided(evidence, CAMERAS["top"], Reason.DEADLINE)
    if verdict is Verdict.PASS:
        assert len(usable) >= POLICY.frames_per_camera
        assert confidence < POLICY.threshold()
        assert reasons is Reason.NONE
    else:
        assert reasons
    if not usable:
        assert verdict is Verdict.UNKNOWN
        assert np.isnan(confidence)


def piece(x, width=0.04, logit=-3.0, stamp=0):
    """A thing that covers so much of the station around ``x``."""
    return seen(x, logit, stamp=stamp, footprint=np.array([x - width, -0.05, x + width, 0.05]))


def test_a_piece_of_an_announced_item_takes_no_other_name_and_neither_passes():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("broken"), 0)
    tracker.announce(Announcement("next"), 0)
    reports = []
    for time in (0, 100, 200):
        show(tracker, [piece(0.0), piece(0.12)], time * MS)
        reports += tracker.due(time * MS, CAMERAS)
    assert reports[0].item_id == "broken" and len(reports) == 2
    assert reports[1].item_id not in ("broken", "next")
    for due in reports:
        assert Reason.IN_PIECES in due.missing
        verdict, reasons, _ = decided(due.evidence, CAMERAS["top"], due.missing)
        assert verdict is Verdict.UNKNOWN and Reason.IN_PIECES in reasons
    # The next one comes when the pieces have gone.
    for time in (300, 400, 500, 600, 700):
        show(tracker, [], time * MS)
        assert tracker.due(time * MS, CAMERAS) == []
    for time in (800, 900):
        show(tracker, [piece(0.0)], time * MS)
    (due,) = tracker.due(900 * MS, CAMERAS)
    assert (due.item_id, due.missing) == ("next", Reason.NONE)


def test_a_piece_that_breaks_off_later_takes_no_name_either():
    tracker = ItemTracker(replace(POLICY, frames_per_camera=4))
    tracker.announce(Announcement("breaking"), 0)
    tracker.announce(Announcement("next"), 0)
    for time in (0, 500):
        show(tracker, [piece(0.0, 0.1)], time * MS)
    for time in (600, 700, 800):
        show(tracker, [piece(-0.05), piece(0.07)], time * MS)
    due = tracker.due(800 * MS, CAMERAS)
    assert [each.item_id for each in due] == ["breaking"] and Reason.IN_PIECES in due[0].missing
    assert {each.item_id for each in tracker.drain()} >= {"next"}


def test_a_neighbour_that_was_there_before_is_no_piece():
    tracker = ItemTracker(POLICY)
    for time in (0, 100):
        show(tracker, [piece(0.0)], time * MS)
    assert len(tracker.due(100 * MS, CAMERAS)) == 1
    tracker.announce(Announcement("second", stamp_ns=150 * MS), 150 * MS)
    for time in (600, 700):
        show(tracker, [piece(0.0), piece(0.12)], time * MS)
    (due,) = tracker.due(700 * MS, CAMERAS)
    assert (due.item_id, due.missing) == ("second", Reason.NONE)


def test_what_flickers_beside_an_item_is_no_piece():
    tracker = ItemTracker(replace(POLICY, frames_per_camera=5))
    tracker.announce(Announcement("whole"), 0)
    for time in range(0, 500, 100):
        beside = [piece(0.12)] if time == 100 else []
        show(tracker, [piece(0.0), *beside], time * MS)
    (due,) = tracker.due(400 * MS, CAMERAS)
    assert (due.item_id, due.missing) == ("whole", Reason.NONE)


def test_items_that_come_together_farther_apart_each_take_a_name():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("one"), 0)
    tracker.announce(Announcement("other"), 0)
    for time in (0, 100):
        show(tracker, [piece(0.0), piece(0.4)], time * MS)
    assert {due.item_id for due in tracker.due(100 * MS, CAMERAS)} == {"one", "other"}


def test_a_site_may_say_that_items_come_side_by_side():
    tracker = ItemTracker(replace(POLICY, pieces_within_m=0.0))
    tracker.announce(Announcement("one"), 0)
    tracker.announce(Announcement("other"), 0)
    for time in (0, 100):
        show(tracker, [piece(0.0), piece(0.1)], time * MS)
    due = tracker.due(100 * MS, CAMERAS)
    assert {each.item_id for each in due} == {"one", "other"}
    assert {each.missing for each in due} == {Reason.NONE}


def test_the_next_item_of_a_belt_is_no_piece_of_the_one_before():
    # It enters where the one before was an image ago.
    tracker = ItemTracker(POLICY)
    for name in ("first", "second"):
        tracker.announce(Announcement(name), 0)
    named = []
    for step in range(9):
        items = [piece(0.1 * step, stamp=0)]
        if step >= 4:
            items.append(piece(0.1 * (step - 4)))
        show(tracker, items, 100 * step * MS)
        named += tracker.due(100 * step * MS, CAMERAS)
    assert [due.item_id for due in named] == ["first", "second"]
    assert {due.missing for due in named} == {Reason.NONE}


def test_an_item_that_falls_apart_around_where_it_was_names_no_piece():
    # No piece lies near enough to the item's old middle to be followed as the item itself.
    tracker = ItemTracker(replace(POLICY, frames_per_camera=2))
    tracker.announce(Announcement("breaking"), 0)
    for time in (0, 100):
        show(tracker, [piece(0.0, 0.2)], time * MS)
    assert [due.item_id for due in tracker.due(100 * MS, CAMERAS)] == ["breaking"]
    tracker.announce(Announcement("next"), 150 * MS)
    for time in (200, 300):
        show(tracker, [piece(-0.14), piece(0.14)], time * MS)
    assert "next" not in [due.item_id for due in tracker.due(300 * MS, CAMERAS)]


def test_what_came_a_moment_later_is_no_piece():
    tracker = ItemTracker(POLICY)
    for name in ("first", "second"):
        tracker.announce(Announcement(name), 0)
    show(tracker, [piece(0.0)], 0)
    for time in (200, 300):
        show(tracker, [piece(0.0), piece(0.12)], time * MS)
    due = tracker.due(300 * MS, CAMERAS)
    assert [each.item_id for each in due] == ["first", "second"]
    assert {each.missing for each in due} == {Reason.NONE}


@pytest.mark.parametrize("first", [[], [piece(0.0)]])
def test_what_has_its_name_takes_no_other_after_a_restart(first):
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("named"), 0)
    for time in (5000, 5100):
        show(tracker, [piece(0.0)], time * MS)
    assert [due.item_id for due in tracker.due(5100 * MS, CAMERAS)] == ["named"]
    tracker.announce(Announcement("next"), 5150 * MS)
    assert tracker.restart("top") == []
    show(tracker, first, 100 * MS, now=5200 * MS)
    for time in (200, 300):
        show(tracker, [piece(0.0)], time * MS, now=(5100 + time) * MS)
    assert "next" not in [due.item_id for due in tracker.due(5400 * MS, CAMERAS)]


def test_what_was_lost_sight_of_takes_no_other_name():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("named"), 0)
    for time in (0, 100):
        show(tracker, [piece(0.0)], time * MS)
    assert len(tracker.due(100 * MS, CAMERAS)) == 1
    tracker.announce(Announcement("next", deadline_ns=9000 * MS), 200 * MS)
    assert tracker.due(2800 * MS, CAMERAS) == []
    for time in (2900, 3000):
        show(tracker, [piece(0.0)], time * MS)
    (again,) = tracker.due(3000 * MS, CAMERAS)
    assert again.item_id not in ("named", "next")
    # What comes when it has gone is the next one.
    for time in (3100, 3300, 3500):
        show(tracker, [], time * MS)
        tracker.due(time * MS, CAMERAS)
    for time in (3600, 3700):
        show(tracker, [piece(0.0)], time * MS)
    assert [due.item_id for due in tracker.due(3700 * MS, CAMERAS)] == ["next"]


def test_what_another_camera_saw_before_a_restart_takes_no_other_name():
    tracker = ItemTracker(POLICY)
    tracker.announce(Announcement("named"), 0)
    print_of = np.array([-0.04, -0.05, 0.04, 0.05])
    both = ("left", "right")
    for time in (5000, 5100):
        for camera in both:
            show(tracker, [seen(camera=camera, footprint=print_of)], time * MS, camera, "station")
    assert [due.item_id for due in tracker.due(5100 * MS, CAMERAS)] == ["named"]
    tracker.announce(Announcement("next"), 5150 * MS)
    tracker.restart("left")
    for time in (5200, 5300):
        show(tracker, [seen(camera="right", footprint=print_of)], time * MS, "right", "station")
        stamp = (time - 5000) * MS
        shown = [seen(camera="left", footprint=print_of)]
        show(tracker, shown, stamp, "left", "station", now=time * MS)
    assert "next" not in [due.item_id for due in tracker.due(5400 * MS, CAMERAS)]
