"""A site's rules in the running node: what is tolerated passes, and the file is read again."""

import pytest

pytest.importorskip("rclpy", reason="the ROS client library is not installed")
pytest.importorskip("damage_perception_msgs.msg", reason="the messages are not built")

from damage_perception_msgs.msg import DamageRegion, DamageReport
from damage_perception_msgs.srv import ReloadSite

pytestmark = pytest.mark.ros

PASS, DIVERT, UNKNOWN = DamageReport.PASS, DamageReport.DIVERT, DamageReport.UNKNOWN
TOLERANT = "rules:\n  - {match: {sku: 'box-*'}, tolerate: major}\n"


@pytest.fixture(scope="module")
def site_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("site") / "site.yaml"
    path.write_text(TOLERANT)
    return path


@pytest.fixture(scope="module")
def parameters(site_file):
    return {"site_file": str(site_file), "decision_deadline_ms": 1500}


def answered(cell, item_id, sku):
    """The report on a damaged item of a sku."""
    cell.show(None, frames=6)
    cell.announce(item_id, sku=sku)
    cell.show(damaged=True, frames=5)
    return cell.report_on(item_id)


def reload(cell, site_file, text):
    site_file.write_text(text)
    return cell.call(ReloadSite, "reload_site", ReloadSite.Request())


def test_what_is_tolerated_passes_with_its_regions(cell):
    report = answered(cell, "tolerated", "box-7")
    assert (report.verdict, report.reasons) == (PASS, DamageReport.REASON_TOLERATED)
    assert report.regions and report.confidence >= report.threshold
    assert report.severity in (DamageRegion.SEVERITY_MINOR, DamageRegion.SEVERITY_MODERATE,
                               DamageRegion.SEVERITY_MAJOR)  # fmt: skip
    assert report.damage_area_m2 > 0 and 0 < report.damage_item_share <= 1
    other = answered(cell, "other", "glass-7")
    assert (other.verdict, other.reasons) == (DIVERT, DamageReport.REASON_DAMAGE)
    assert other.severity == report.severity


def test_a_file_that_is_read_again_holds_from_the_next_item_on(cell, site_file):
    strict = "rules:\n  - {match: {sku: 'box-*'}, require_references: true}\n"
    response = reload(cell, site_file, strict)
    assert response.success and response.message.startswith("1 rules")
    assert answered(cell, "strict", "box-7").verdict == DIVERT
    cell.show(None, frames=6)
    cell.announce("whole", sku="box-7")
    cell.show(frames=5)
    report = cell.report_on("whole")
    assert report.verdict == UNKNOWN
    assert report.reasons & DamageReport.REASON_NO_REFERENCES
    assert reload(cell, site_file, TOLERANT).success
    assert answered(cell, "tolerated again", "box-7").verdict == PASS


def test_a_file_with_a_mistake_changes_nothing_and_is_told_by_line(cell, site_file):
    response = reload(cell, site_file, "rules:\n  - {tolerate: slight}\n")
    assert not response.success and "site.yaml:2" in response.message
    assert answered(cell, "as before", "box-7").verdict == PASS
