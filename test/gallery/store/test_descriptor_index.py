"""The index of descriptors answers what comparing with every reference answers."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from damage_perception.gallery.store.descriptor_index import DescriptorIndex
from damage_perception.network.contract import DESCRIPTOR_CHANNELS

REFERENCES = 8


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def around(rng: np.random.Generator, centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Any two around one centre have a cosine of about 0.8."""
    return unit(centres + 0.5 * unit(rng.standard_normal(centres.shape)))


def products(
    rng: np.random.Generator, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[str]]:
    """Centres of products, and references around them with their skus, in no order."""
    centres = unit(rng.standard_normal((count, DESCRIPTOR_CHANNELS)))
    owners = rng.permutation(np.repeat(np.arange(count), REFERENCES))
    return centres, around(rng, centres[owners]), [f"sku-{owner}" for owner in owners]


@pytest.fixture(params=["every reference", "inverted file"])
def exact_up_to(request: pytest.FixtureRequest) -> int:
    """Makes an index of either kind at any size."""
    if request.param == "every reference":
        return sys.maxsize
    pytest.importorskip("faiss")
    return 0


@st.composite
def galleries(draw: st.DrawFn) -> tuple[NDArray[np.float32], list[str], NDArray[np.float32], int]:
    """References, their skus, a query and how many skus are asked for."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    skus = draw(st.lists(st.sampled_from(["can", "carton", "Dose 0,5 l", "瓶", ""]), max_size=40))
    dimension = draw(st.integers(1, 16))
    references = unit(rng.standard_normal((len(skus), dimension)))
    return references, skus, unit(rng.standard_normal(dimension)), draw(st.integers(-1, 6))


@given(galleries())
@settings(deadline=None)
def test_the_best_reference_of_each_sku_counts_and_the_best_skus_come_first(gallery):
    references, skus, query, count = gallery
    found = DescriptorIndex(references, skus).nearest(query, count)
    best = dict.fromkeys(skus, -np.inf)
    for reference, sku in zip(references, skus, strict=True):
        best[sku] = max(best[sku], float(reference @ query))
    expected = sorted(best.values(), reverse=True)[: max(count, 0)]
    assert [cosine for _, cosine in found] == pytest.approx(expected, abs=1e-5)
    assert [best[sku] for sku, _ in found] == pytest.approx(expected, abs=1e-5)
    assert len({sku for sku, _ in found}) == len(found)


@given(galleries())
@settings(max_examples=30, deadline=None)
def test_an_inverted_file_answers_with_exact_cosines_and_as_many_skus_as_asked_for(gallery):
    pytest.importorskip("faiss")
    references, skus, query, count = gallery
    exact = dict(DescriptorIndex(references, skus).nearest(query, len(skus)))
    found = DescriptorIndex(references, skus, exact_up_to=0).nearest(query, count)
    assert len(found) == max(min(count, len(exact)), 0)
    assert [cosine for _, cosine in found] == sorted((c for _, c in found), reverse=True)
    assert [exact[sku] for sku, _ in found] == pytest.approx([c for _, c in found], abs=1e-5)


def test_an_inverted_file_finds_what_comparing_with_every_reference_finds():
    pytest.importorskip("faiss")
    rng = np.random.default_rng(1)
    centres, references, skus = products(rng, 2_000)
    exact, near = DescriptorIndex(references, skus), DescriptorIndex(references, skus, 0)
    queries = around(rng, centres[rng.integers(0, len(centres), 300)])
    found = [(exact.nearest(query, 1)[0], near.nearest(query, 1)[0]) for query in queries]
    same = [(right, other) for right, other in found if right[0] == other[0]]
    assert len(same) >= 0.99 * len(found)
    assert [other[1] for _, other in same] == pytest.approx([right[1] for right, _ in same])


def test_an_enrolled_descriptor_finds_its_sku(exact_up_to):
    _, references, skus = products(np.random.default_rng(2), 200)
    index = DescriptorIndex(references, skus, exact_up_to)
    assert len(index) == len(skus)
    for reference, sku in zip(references, skus, strict=True):
        ((found, cosine),) = index.nearest(reference, 1)
        assert found == sku and cosine == pytest.approx(1, abs=1e-5)


def test_skus_with_the_same_descriptor_are_all_found(exact_up_to):
    rng = np.random.default_rng(3)
    _, references, skus = products(rng, 50)
    shared = unit(rng.standard_normal(DESCRIPTOR_CHANNELS))
    twins = ["left", "right", "middle"]
    index = DescriptorIndex(
        np.concatenate([references, np.tile(shared, (3, 1))]), [*skus, *twins], exact_up_to
    )
    found = index.nearest(shared, 3)
    assert {sku for sku, _ in found} == set(twins)
    assert [cosine for _, cosine in found] == pytest.approx([1, 1, 1], abs=1e-5)


def test_a_sku_with_thousands_of_references_does_not_hide_the_next(exact_up_to):
    rng = np.random.default_rng(4)
    centres = unit(rng.standard_normal((2, DESCRIPTOR_CHANNELS)))
    references = around(rng, centres[[0] * 3_000 + [1]])
    index = DescriptorIndex(references, ["often"] * 3_000 + ["once"], exact_up_to)
    (first, _), (second, cosine) = index.nearest(centres[0], 2)
    assert (first, second) == ("often", "once")
    assert cosine == pytest.approx(float(references[-1] @ centres[0]), abs=1e-5)


def test_an_empty_index_answers_nothing(exact_up_to):
    index = DescriptorIndex(np.empty((0, DESCRIPTOR_CHANNELS), np.float32), [], exact_up_to)
    assert len(index) == 0 and index.nearest(np.ones(DESCRIPTOR_CHANNELS, np.float32), 3) == []


def test_what_the_caller_does_with_its_array_changes_nothing(exact_up_to):
    _, references, skus = products(np.random.default_rng(5), 20)
    first = references[0].copy()
    index = DescriptorIndex(references, skus, exact_up_to)
    references[:] = 0
    assert index.nearest(first, 1)[0] == (skus[0], pytest.approx(1, abs=1e-5))


def test_threads_that_share_an_index_hear_what_one_alone_hears(exact_up_to):
    rng = np.random.default_rng(6)
    centres, references, skus = products(rng, 300)
    index = DescriptorIndex(references, skus, exact_up_to)
    queries = around(rng, centres)
    alone = [index.nearest(query, 3) for query in queries]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda query: index.nearest(query, 3), [*queries] * 4))
    assert together == alone * 4


@pytest.mark.parametrize(
    ("descriptors", "skus", "text"),
    [
        (np.zeros(4, np.float32), ["a"] * 4, r"float32 \(4,\); expected float32 \(N, D\)"),
        (np.zeros((2, 4)), ["a", "b"], "float64"),
        (np.zeros((2, 4), np.float32), ["a"], "2 descriptors have 1 skus"),
    ],
)
def test_what_does_not_go_together_is_refused(descriptors, skus, text):
    with pytest.raises(ValueError, match=text):
        DescriptorIndex(descriptors, skus)


@pytest.mark.parametrize("shape", [(3,), (1, 4), ()])
def test_a_query_of_another_shape_is_refused(shape):
    index = DescriptorIndex(np.eye(4, dtype=np.float32), list("abcd"))
    with pytest.raises(ValueError, match=r"the references have \(4,\)"):
        index.nearest(np.zeros(shape, np.float32), 1)


def test_a_large_index_without_faiss_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ModuleNotFoundError, match=r"faiss-cpu: pip .*requirements/robot\.txt"):
        DescriptorIndex(np.eye(4, dtype=np.float32), list("abcd"), exact_up_to=3)
    assert len(DescriptorIndex(np.eye(4, dtype=np.float32), list("abcd"), exact_up_to=4)) == 4


MEMORY = """
import sys
from pathlib import Path
import faiss, numpy as np
from damage_perception.gallery.store.descriptor_index import DescriptorIndex

def memory(field):
    return int(Path("/proc/self/status").read_text().split(field + ":")[1].split()[0]) * 1024

descriptors = np.random.default_rng(0).standard_normal((60_000, 128), np.float32)
skus = [str(i // 8) for i in range(len(descriptors))]
DescriptorIndex(descriptors[:3_000], skus[:3_000], 0)
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
index = DescriptorIndex(descriptors, skus, 0)
print((memory("VmHWM") - before) / descriptors.nbytes)
"""


@pytest.mark.slow
def test_making_a_large_index_takes_less_than_twice_the_memory_of_its_descriptors():
    pytest.importorskip("faiss")
    process = [sys.executable, "-c", MEMORY]
    share = float(subprocess.run(process, check=True, capture_output=True, text=True).stdout)
    assert 1 < share < 2
