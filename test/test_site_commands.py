"""damage-perception site: what it says of a file, and of recordings."""

import pytest
from image_folder import write_folder, write_labels
from typer.testing import CliRunner

from damage_perception.cli.main import app, main

RUN = CliRunner()


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(
        "rules:\n"
        "  - {name: strict, match: {sku: 'glass-*'}, threshold: 0.2, require_references: true}\n"
        "  - {match: {kind: crush}, tolerate: minor}\n"
    )
    return path


@pytest.fixture
def folder(tmp_path):
    """Two labelled images."""
    path = write_folder(tmp_path / "in", "a", "b")
    write_labels(path, ("a", "", "query", 0, "none"), ("b", "", "query", 1, "tear"))
    return path


def test_check_says_which_rule_applies(site):
    said = RUN.invoke(app, ["site", "check", str(site), "glass-7", "other"])
    assert said.exit_code == 0
    strict, other = " ".join(said.stdout.split()).split("sku other")
    assert "2 rules, no errors" in strict
    assert "0.2000" in strict and "line 2 (strict)" in strict and "up to minor" in strict
    assert "that of the parameters" in other and "line 2" not in other


def test_check_names_every_mistake(site, capsys):
    site.write_text("rules:\n  - tolerate: slight\n  - threshold: 2\n")
    with pytest.raises(SystemExit) as ended:
        main(["site", "check", str(site)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "site.yaml:2" in said and "site.yaml:3" in said


def test_the_example_is_valid():
    from damage_perception.share import shared_folder

    said = RUN.invoke(app, ["site", "check", str(shared_folder("config") / "site.yaml"), "glass-3"])
    assert said.exit_code == 0 and "glass never" in said.stdout


def test_replay_says_what_changes(site, tmp_path, folder):
    site.write_text("rules:\n  - {name: lax, match: {sku: 'box*'}, threshold: 1.0}\n")
    arguments = ["site", "replay", str(site), str(folder), "--sku", "box", "--threshold", "0.0001"]
    said = RUN.invoke(app, arguments)
    assert said.exit_code == 0, said.output
    assert "divert -> pass" in said.stdout and "line 2 (lax)" in said.stdout
    unchanged = RUN.invoke(app, [*arguments[:5], "other", *arguments[6:]])
    assert "0 verdicts change" in unchanged.stdout
