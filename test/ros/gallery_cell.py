"""Products of the test cell, their references, and the gallery's services over DDS."""

import numpy as np
from cell import CAMERA, PLANE, scene

from damage_perception.enrollment import enroll_views, show
from damage_perception.frame import Frame
from damage_perception.inspector import Inspector, MountedCamera
from damage_perception.network import DamageNetwork
from damage_perception.station import Plane, Station
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception_msgs.srv import (
    ConfirmItem,
    EnrollReference,
    ReviewCandidates,
    UndoGalleryChange,
)

GREEN, BLUE = (0.5, 1.0, 0.5), (0.5, 0.5, 1.0)
# The same product in new packaging: not damaged, and not as its references.
DARK_GREEN = (0.35, 0.8, 0.35)


def frame_of(stamp_ns=1, **given):
    """A frame of a scene."""
    color, depth = scene(**given)
    return Frame(color, depth, CAMERA, "camera", "camera_optical", stamp_ns)


def inspector_of(card, threshold=0.5):
    """An inspector of the test cell, with the model of a card."""
    station = Station(plane=Plane(np.array(PLANE[:3]), PLANE[3]))
    cameras = {"camera": MountedCamera(station)}
    return Inspector(DamageNetwork.load(card), cameras, VerdictPolicy.at(threshold))


def enroll_here(store, sku, tint, card, by="another process"):
    """Enrolls a pristine product, as another process than the node does; the change."""
    inspector = inspector_of(card)
    shown = [show("shown", frame_of(tint=tint), inspector)]
    return enroll_views(lambda create: store, sku, shown, inspector, by).change


def answered(cell, kind, name, request, beat, timeout_s=15):
    """The response of a service, while frames come."""
    return cell.until_done(cell.begin(kind, name, request), timeout_s, beat)


def enroll(cell, sku, force=False, views=0, **given):
    """Enrolls what is shown."""
    request = EnrollReference.Request(sku=sku, force=force, views=views, by="tester")
    return answered(
        cell, EnrollReference, "enroll_reference", request, lambda: cell.show(frames=1, **given)
    )


def confirm(cell, item_id):
    """Confirms an item."""
    return cell.call(ConfirmItem, "confirm_item", ConfirmItem.Request(item_id=item_id, by="tester"))


def review(cell, sku, accept=True):
    """Reviews all candidates of a sku."""
    request = ReviewCandidates.Request(sku=sku, accept=accept, by="tester", why="looked at")
    return cell.call(ReviewCandidates, "review_candidates", request)


def undo(cell, change_id=""):
    """Takes back a change."""
    request = UndoGalleryChange.Request(change_id=change_id, by="tester")
    return cell.call(UndoGalleryChange, "undo_gallery_change", request)


def judged(cell, item_id, sku, **given):
    """The report on an announced item, on a station that was empty before and is after."""
    cell.show(None, frames=5)
    cell.announce(item_id, sku)
    report = cell.report_on(item_id, beat=lambda: cell.show(frames=1, **given))
    cell.show(None, frames=5)
    return report
