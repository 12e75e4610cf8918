"""Engines are found again, built once, and never taken from somebody else."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from damage_perception.engines.building import Built
from damage_perception.engines.cache import EngineCache, EngineKey, user_cache
from damage_perception.network import BackendError

ROOT = Path(__file__).parents[2]
KEY = EngineKey(
    graph="a" * 64,
    flavour="tensorrt",
    version="10.3.0",
    gpu="Orin",
    capability="8.7",
    driver="540.4.0",
    profile={"color": (1, 1, 16)},
    workspace=1 << 30,
)


@pytest.fixture
def cache(tmp_path):
    return EngineCache(tmp_path / "engines")


def never(timings):
    raise AssertionError("built again")


def made(cache, key=KEY, engine=b"engine", timings=b""):
    return cache.load_or_build(key, "net", lambda old: Built(engine, timings))


def files(cache, ending):
    return sorted(cache.folder.glob(f"*{ending}"))


def test_an_engine_is_built_once_and_found_by_whoever_looks_later(cache):
    assert cache.load(KEY) is None
    assert made(cache) == b"engine"
    again = EngineCache(cache.folder)
    assert again.load_or_build(KEY, "net", never) == b"engine"
    [entry] = again.entries()
    assert (entry.graph, entry.bytes, entry.problem) == ("net", 6, "")
    assert entry.key["gpu"] == "Orin"


@pytest.mark.parametrize(
    "changed",
    [
        {"graph": "b" * 64},
        {"flavour": "tensorrt_rtx"},
        {"version": "10.3.1"},
        {"gpu": "Thor"},
        {"capability": "11.0"},
        {"driver": "580.0"},
        {"profile": {"color": (1, 4, 16)}},
        {"workspace": 1 << 29},
    ],
)
def test_an_engine_is_for_what_it_was_built_for_only(cache, changed):
    made(cache)
    assert cache.load(replace(KEY, **changed)) is None


def test_timings_are_for_the_next_engine_of_the_same_library_and_gpu(cache):
    made(cache, timings=b"timings")
    seen = []

    def build(timings):
        seen.append(timings)
        return Built(b"other")

    for changed in ({"graph": "b" * 64}, {"gpu": "Thor"}):
        cache.load_or_build(replace(KEY, **changed), "net", build)
    assert seen == [b"timings", b""]


@pytest.mark.parametrize(
    "harm",
    [
        lambda engine, card: engine.write_bytes(b"engi"),
        lambda engine, card: engine.write_bytes(b"enginE"),
        lambda engine, card: engine.unlink(),
        lambda engine, card: card.unlink(),
        lambda engine, card: card.write_text("{"),
        lambda engine, card: card.write_text("[]"),
        lambda engine, card: card.write_bytes(b"\xff"),
    ],
)
def test_what_is_not_whole_is_built_anew_and_listed_as_such(cache, harm):
    made(cache)
    harm(*files(cache, ".engine"), *files(cache, ".json"))
    assert [bool(entry.problem) for entry in cache.entries()] == [True]
    assert cache.load(KEY) is None
    assert made(cache, engine=b"new") == b"new"
    assert [entry.problem for entry in cache.entries()] == [""]


@pytest.mark.parametrize("ending", [".engine", ".json"])
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_what_another_user_could_write_is_refused(cache, ending, mode):
    made(cache)
    files(cache, ending)[0].chmod(mode)
    with pytest.raises(BackendError, match="others may write to it"):
        cache.load_or_build(KEY, "net", never)
    assert "others may write" in cache.entries()[0].problem


def test_a_link_is_not_followed(cache, tmp_path):
    made(cache)
    [engine] = files(cache, ".engine")
    engine.rename(tmp_path / "elsewhere")
    engine.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackendError, match="refused"):
        cache.load(KEY)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_refused(cache):
    made(cache)
    os.chown(files(cache, ".engine")[0], 1234, -1)
    with pytest.raises(BackendError, match="belongs to user 1234"):
        cache.load(KEY)
    os.chown(cache.folder, 1234, -1)
    with pytest.raises(BackendError, match="belongs to user 1234"):
        EngineCache(cache.folder)


def test_a_folder_that_others_may_write_to_keeps_no_engines(tmp_path):
    folder = tmp_path / "engines"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(BackendError, match="others may write to it"):
        EngineCache(folder)


def test_a_folder_that_others_may_rename_keeps_no_engines(tmp_path):
    above = tmp_path / "above"
    above.mkdir()
    above.chmod(0o777)
    with pytest.raises(BackendError, match="rename a folder above it"):
        EngineCache(above / "engines")
    # As in /tmp, where nobody renames what is another one's.
    above.chmod(0o1777)
    EngineCache(above / "engines")


def test_files_are_this_users_alone(cache):
    made(cache, timings=b"timings")
    assert cache.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in cache.folder.iterdir()} == {0o600}


def test_engines_are_kept_where_the_user_keeps_what_can_be_made_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache() == tmp_path / "damage_perception" / "engines"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert user_cache() == tmp_path / "home" / ".cache" / "damage_perception" / "engines"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="no engines can be kept in"):
        EngineCache(tmp_path / "file" / "engines")


def test_a_build_that_fails_leaves_nothing_and_the_next_one_is_free_to_try(cache):
    def fails(timings):
        raise BackendError("no kernel")

    with pytest.raises(BackendError, match="no kernel"):
        cache.load_or_build(KEY, "net", fails)
    assert cache.entries() == []
    assert made(cache) == b"engine"


def test_an_engine_is_forgotten(cache):
    made(cache)
    cache.forget(KEY.digest)
    assert cache.entries() == [] and cache.load(KEY) is None
    cache.forget(KEY.digest)


BUILDER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_cache import KEY
from damage_perception.engines.building import Built
from damage_perception.engines.cache import EngineCache

def build(timings):
    print("building", flush=True)
    time.sleep({seconds})
    return Built(b"engine" * 100_000)

cache = EngineCache(Path({folder!r}))
print("ready", flush=True)
sys.stdin.readline()
engine = cache.load_or_build(KEY, "net", build, lambda: print("waiting", flush=True))
print(len(engine), flush=True)
"""


def builder(folder, seconds):
    code = BUILDER.format(tests=str(Path(__file__).parent), folder=str(folder), seconds=seconds)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_that_start_at_once_build_once(cache):
    both = [builder(cache.folder, 1.5) for _ in range(2)]
    for process in both:
        go(process)
    said = sorted(process.communicate(timeout=60)[0].split() for process in both)
    assert said == [["building", "600000"], ["waiting", "600000"]]


def test_a_process_that_is_killed_while_it_builds_holds_nobody_up(cache):
    first, second = builder(cache.folder, 60), builder(cache.folder, 0)
    go(first)
    assert first.stdout.readline() == "building\n"
    go(second)
    assert second.stdout.readline() == "waiting\n"
    first.kill()
    first.wait()
    assert second.communicate(timeout=60)[0].split() == ["building", "600000"]
    [entry] = cache.entries()
    assert entry.problem == "" and json.loads(files(cache, ".json")[0].read_text())["sha256"]
