"""What a site tolerates passes and is told; everything else is decided as before."""

from dataclasses import replace

import numpy as np
import pytest

from damage_perception.kinds import KINDS
from damage_perception.odds import log_odds_of
from damage_perception.verdict.difference import Difference
from damage_perception.verdict.evidence import Evidence, Sighting
from damage_perception.verdict.policy import VerdictPolicy
from damage_perception.verdict.regions import MAX_REGIONS, Region
from damage_perception.verdict.report import Reason, Verdict
from damage_perception.verdict.severity import Severity
from damage_perception.verdict.site import Match, Rule, Site, Thresholds

CAMERA = frozenset({"top"})


def region(kind="crush", area_cm2=1.0, depth_mm=1.0, share=0.01, camera="top"):
    square = np.array([(0, 0), (9, 0), (9, 9)], np.float32)
    known = np.isfinite(area_cm2)
    return Region(
        kind,
        0.9,
        (0, 0, 9, 9),
        square,
        camera,
        "optical",
        0,
        np.zeros(3) if known else None,
        np.zeros(3) if known else None,
        area_cm2 / 1e4 if known else 0.0,
        depth_mm / 1e3,
        share,
    )


def sighting(confidence=0.9, regions=(), camera="top", seen=("crush",), **given):
    kinds = np.array([0.9 if kind in seen else 0.1 for kind in KINDS], np.float32)
    logit = float(log_odds_of(confidence))
    return Sighting(camera, "optical", 0, None, logit, kinds, Reason.NONE, regions, **given)


def policy(*rules, threshold=0.5):
    return VerdictPolicy.at(threshold, frames_per_camera=1, site=Site(rules=rules))


def decide(policy, *sightings, sku="box-1", announced=True, cameras=CAMERA, missing=Reason.NONE):
    return policy.decide(Evidence(sightings), sku, announced, cameras, missing)


MINOR_CRUSH = Rule(1, Match(("box-*",), ("crush",)), tolerate=Severity.MINOR)


def test_what_is_tolerated_passes_and_is_told():
    told = decide(policy(MINOR_CRUSH), sighting(regions=(region(),)))
    assert (told.verdict, told.reasons) == (Verdict.PASS, Reason.TOLERATED)
    assert told.damage.severity is Severity.MINOR and told.confidence == pytest.approx(0.9)
    assert [r.severity for r in told.damage.regions] == [Severity.MINOR]


@pytest.mark.parametrize(
    ("sku", "shown"),
    [
        ("glass-1", sighting(regions=(region(),))),
        ("", sighting(regions=(region(),))),
        ("box-1", sighting(regions=())),
        ("box-1", sighting(regions=(region(area_cm2=9.0),))),
        ("box-1", sighting(regions=(region(depth_mm=np.nan),))),
        ("box-1", sighting(regions=(region(area_cm2=np.nan, depth_mm=np.nan),))),
        ("box-1", sighting(regions=(region(), region("tear")), seen=("crush", "tear"))),
        ("box-1", sighting(regions=(region(),), seen=("crush", "hole"))),
        ("box-1", sighting(regions=(region(area_cm2=3.0), region(area_cm2=3.0)))),
        # References alone show where it is, so what it is is a guess.
        ("box-1", sighting(regions=(replace(region(), by_references=True),), seen=())),
        ("box-1", sighting(regions=(replace(region(), by_references=True),))),
        ("box-1", sighting(regions=(region(area_cm2=0.1, share=0.001),) * MAX_REGIONS)),
    ],
    ids=[
        "another sku",
        "no sku",
        "nowhere",
        "too large",
        "depth unknown",
        "colour alone",
        "a kind beside it",
        "a kind that no region shows",
        "too much together",
        "kind unknown",
        "kind unknown, though the network sees it somewhere",
        "as many regions as a report holds",
    ],
)
def test_what_is_not_surely_tolerated_diverts(sku, shown):
    told = decide(policy(MINOR_CRUSH), shown, sku=sku)
    assert (told.verdict, told.reasons) == (Verdict.DIVERT, Reason.DAMAGE)


def test_more_damage_never_frees_an_item():
    rules = (
        MINOR_CRUSH,
        Rule(2, Match(("box-*",), ("tear",)), tolerate=Severity.MODERATE),
    )
    crushes = (region(area_cm2=3.0), region(area_cm2=3.0))
    assert decide(policy(*rules), sighting(regions=crushes)).verdict is Verdict.DIVERT
    torn = sighting(regions=(*crushes, region("tear")), seen=("crush", "tear"))
    assert decide(policy(*rules), torn).verdict is Verdict.DIVERT
    both = sighting(regions=(region(), region("tear", area_cm2=9.0)), seen=("crush", "tear"))
    assert decide(policy(*rules), both).verdict is Verdict.PASS


def test_nothing_is_tolerated_of_a_model_with_kinds_that_nobody_here_knows():
    subject = replace(policy(MINOR_CRUSH), kinds_known=False)
    assert decide(subject, sighting(regions=(region(),))).verdict is Verdict.DIVERT


def test_what_references_alone_show_is_tolerated_where_every_kind_is():
    shown = sighting(regions=(replace(region(), by_references=True),), seen=())
    lax = policy(Rule(1, Match(("box-*",)), tolerate=Severity.MINOR))
    assert decide(lax, shown).verdict is Verdict.PASS


def test_a_camera_that_shows_no_region_is_not_spoken_for_by_another():
    both = (sighting(regions=(region(camera="left"),), camera="left"), sighting(camera="right"))
    told = decide(policy(MINOR_CRUSH), *both, cameras=frozenset({"left", "right"}))
    assert told.verdict is Verdict.DIVERT


def test_tolerated_damage_does_not_make_up_for_evidence_that_is_missing():
    shown = sighting(regions=(region(),))
    told = decide(policy(MINOR_CRUSH), shown, missing=Reason.STALE_CAMERA)
    assert told.verdict is Verdict.UNKNOWN
    assert told.reasons == Reason.TOLERATED | Reason.STALE_CAMERA
    assert told.damage.regions


def test_a_rule_has_a_threshold_for_its_items():
    strict = policy(Rule(1, Match(("glass-*",)), thresholds=Thresholds.same(0.2)))
    assert decide(strict, sighting(0.3)).verdict is Verdict.PASS
    told = decide(strict, sighting(0.3), sku="glass-1")
    assert (told.verdict, told.threshold) == (Verdict.DIVERT, 0.2)


def test_a_rule_has_a_threshold_for_its_camera_and_the_worst_margin_is_told():
    lax = policy(Rule(1, Match(cameras=("right",)), thresholds=Thresholds.same(0.95)))
    both = (sighting(0.4, camera="left"), sighting(0.9, camera="right"))
    cameras = frozenset({"left", "right"})
    told = decide(lax, *both, cameras=cameras)
    assert (told.verdict, told.threshold) == (Verdict.PASS, 0.5)
    assert told.confidence == pytest.approx(0.4)
    both = (sighting(0.6, camera="left"), sighting(0.9, camera="right"))
    assert decide(lax, *both, cameras=cameras).verdict is Verdict.DIVERT


def test_an_item_that_needs_references_does_not_pass_without():
    asked = policy(Rule(1, Match(("box-*",)), require_references=True))
    told = decide(asked, sighting(0.1))
    assert (told.verdict, told.reasons) == (Verdict.UNKNOWN, Reason.NO_REFERENCES)
    assert decide(asked, sighting(0.9)).verdict is Verdict.DIVERT
    assert decide(asked, sighting(0.1), sku="other").verdict is Verdict.PASS
    compared = sighting(0.1, difference=Difference("box-1", -3.0, -3.0, 1.0))
    assert decide(asked, compared).verdict is Verdict.PASS


def test_references_that_deny_an_item_are_none_to_pass_by():
    asked = policy(Rule(1, Match(("box-*",)), require_references=True))
    denied = sighting(0.1, difference=Difference("box-1", -3.0, -3.0, -1.0))
    told = decide(replace(asked, require_sku=False), denied)
    assert (told.verdict, told.reasons) == (Verdict.UNKNOWN, Reason.NO_REFERENCES)


def test_rules_of_a_sku_are_not_for_an_item_that_does_not_look_like_it():
    shown = sighting(regions=(region(),), difference=Difference("box-1", -3.0, -3.0, -1.0))
    lax = replace(policy(MINOR_CRUSH), require_sku=False)
    assert decide(lax, shown).verdict is Verdict.DIVERT


def test_regions_are_looked_for_where_any_sku_might_be_diverted():
    rules = (
        Rule(1, Match(("glass-*",)), thresholds=Thresholds.same(0.2)),
        Rule(2, Match(cameras=("right",)), thresholds=Thresholds.same(0.1)),
    )
    subject = policy(*rules)
    assert subject.may_divert(0.3, camera="top", without_depth=False)
    assert not subject.may_divert(0.15, camera="top", without_depth=False)
    assert subject.may_divert(0.15, camera="right", without_depth=False)
