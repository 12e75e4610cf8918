"""The file of a site's rules: what it may say, and what is said of mistakes."""

import pytest

from damage_perception.network.model_card import ModelCard
from damage_perception.verdict.severity import Bounds, Severity, SeverityBounds
from damage_perception.verdict.site import Match, Site, Thresholds
from damage_perception.verdict.site_file import SiteError, read_site

WHOLE = """\
severity:
  minor: {area_cm2: 2, depth_mm: 1.5}
  moderate: {area_cm2: 20}
rules:
  - name: outer packaging
    match: {sku: "box-*", kind: [crush, tear]}
    tolerate: minor
  - match: {sku: [glass-1, "007"], camera: left}
    false_diverts_per_1000: 20
  - match: {sku: "box-*"}
    threshold: 0.9
    require_references: true
  - tolerate: none
"""


@pytest.fixture(scope="module")
def card(shipped_card):
    return ModelCard.load(shipped_card)


@pytest.fixture
def read(tmp_path, card):
    def read(text):
        (tmp_path / "site.yaml").write_text(text)
        return read_site(tmp_path / "site.yaml", card)

    return read


def test_a_whole_file(read, card):
    site = read(WHOLE)
    assert site.severity == SeverityBounds(Bounds(2.0, 1.5), Bounds(20.0))
    outer, rate, strict, none = site.rules
    assert (outer.line, outer.name, outer.tolerate) == (5, "outer packaging", Severity.MINOR)
    assert outer.match == Match(("box-*",), ("crush", "tear"))
    assert rate.match == Match(("glass-1", "007"), cameras=("left",))
    assert rate.thresholds == Thresholds.at_rate(card, 20)
    assert strict.thresholds == Thresholds.same(0.9) and strict.require_references is True
    assert none.tolerate is Severity.UNKNOWN and none.match == Match()


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "rules: []\n"])
def test_a_site_without_rules(read, text):
    assert read(text) == Site()


@pytest.mark.parametrize(
    ("text", "line", "mend"),
    [
        ("rule: []\n", 1, "did you mean rules?"),
        ("rules:\n  - match: {sku: a}\n", 2, "give it one of threshold"),
        ("rules:\n  - tolerate: slight\n", 2, "expected none, minor, moderate, major"),
        ("rules:\n  - tolerate: modrate\n", 2, "did you mean moderate?"),
        ("rules:\n  - match: {kind: crusch}\n    tolerate: minor\n", 2, "did you mean crush?"),
        ("rules:\n  - threshold: 1.5\n", 2, "write a number, above 0 to 1"),
        ("rules:\n  - threshold: yes\n", 2, "write a number, above 0 to 1"),
        ("rules:\n  - threshold: 0\n", 2, "write a number, above 0 to 1"),
        ("rules:\n  - require_references: maybe\n", 2, "write true or false"),
        (
            "rules:\n  - threshold: 0.5\n    false_diverts_per_1000: 5\n",
            3,
            "keep one of them",
        ),
        ("rules:\n  - false_diverts_per_1000: 900\n", 2, "ask for a rate among these"),
        ("rules:\n  - match: {kind: crush}\n    threshold: 0.5\n", 3, "Take `kind` out"),
        (
            "rules:\n  - match: {camera: left}\n    require_references: true\n",
            3,
            "take `camera` out",
        ),
        ("rules:\n  - match: {sku: []}\n    tolerate: minor\n", 2, "empty list"),
        ("rules:\n  tolerate: minor\n", 2, "begin each entry with `- `"),
        ("rules:\n  - minor\n", 2, "expected name, match"),
        ("severity:\n  minor: {item_share: 3}\n", 2, "write a number, 0 to 1"),
        ("severity:\n  minor: {area_cm2: 30}\n", 2, "write the smaller of the two under minor"),
        ("severity:\n  minor: {depth_mm: 1}\n  minor: {depth_mm: 2}\n", 3, "keep one of them"),
        ("rules: [\n", 2, "not YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_write(read, text, line, mend):
    with pytest.raises(SiteError) as told:
        read(text)
    first = str(told.value).splitlines()[0]
    assert f"site.yaml:{line}: " in first and mend in first


def test_a_camera_that_is_not_there_is_told_where_cameras_are_known(tmp_path, card):
    path = tmp_path / "site.yaml"
    path.write_text("rules:\n  - match: {camera: lft}\n    threshold: 0.5\n")
    assert read_site(path, card).rules[0].match.cameras == ("lft",)
    with pytest.raises(SiteError, match=r"site.yaml:2: .*did you mean left\?"):
        read_site(path, card, ("left", "right"))


def test_a_bound_that_minor_leaves_out_does_not_matter(read):
    bounds = read("severity:\n  minor: {depth_mm: 1}\n").severity
    assert bounds.minor == Bounds(depth_mm=1.0)
    assert bounds.moderate == SeverityBounds().moderate


@pytest.mark.parametrize("text", ["2024-13-45", "!x 1", "null"])
def test_what_yaml_cannot_read_as_a_number_is_told_by_line(read, text):
    with pytest.raises(SiteError, match=r"site.yaml:2: rule 1 threshold is"):
        read(f"rules:\n  - threshold: {text}\n")


def test_all_mistakes_are_told_at_once(read):
    with pytest.raises(SiteError) as told:
        read("rules:\n  - threshold: 2\n  - tolerate: slight\n")
    assert [line.split(":")[1] for line in str(told.value).splitlines()] == ["2", "3"]


def test_a_file_that_is_not_there(tmp_path, card):
    with pytest.raises(SiteError, match="No such file"):
        read_site(tmp_path / "site.yaml", card)


def test_the_first_rule_that_fits_and_speaks_of_it_decides(read):
    outer, rate, strict, none = (site := read(WHOLE)).rules
    assert site.tolerance_rule("box-7", "crush", "left") is outer
    assert site.tolerance_rule("box-7", "spillage", "left") is none
    assert site.threshold_rule("glass-1", "left") is rate
    assert site.threshold_rule("glass-1", "right") is None
    assert site.threshold_rule("box-7", "left") is strict
    assert site.reference_rule("box-7") is strict
    assert site.reference_rule("") is None
    assert site.threshold_rule("007", "left") is rate
