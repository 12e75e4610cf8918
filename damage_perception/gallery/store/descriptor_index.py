"""Finds the skus whose references a descriptor is nearest to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Up to here comparing with every reference takes 4 ms on one core, and there is nothing to build.
EXACT_UP_TO = 100_000

# Of the lists of an inverted file, the share that a query reads. Of a million descriptors, a
# sixteenth is enough for queries with a cosine of 0.8 to their sku; an eighth is for harder ones.
_READ = 1 / 8
_TRAINING_PER_LIST = 64
_BLOCK = 65_536
# So many neighbours of a query are looked at, and no more: a sku with a thousand references must
# not fill them all.
_MOST_NEIGHBOURS = 2048


class DescriptorIndex:
    """Descriptors of references, each of a sku. Never changes once made, so threads may share it.

    descriptors  (N, D) float32, unit vectors; copied
    skus         of each of them
    exact_up_to  with more descriptors than this, an inverted file of faiss with a byte per
                 dimension proposes skus (IVF with scalar quantisation, Douze 2024)

    Cosines are exact in either case, but an inverted file may miss a sku. It adds 40 % to the
    memory of the copy; making it takes no more than it keeps (`benchmarks/identification.py`).

    Raises ValueError where shapes do not go together, and ModuleNotFoundError where faiss is needed
    and missing.
    """

    def __init__(
        self,
        descriptors: NDArray[np.float32],
        skus: Sequence[str],
        exact_up_to: int = EXACT_UP_TO,
    ) -> None:
        if descriptors.ndim != 2 or descriptors.dtype != np.float32:
            raise ValueError(
                f"descriptors are {descriptors.dtype} {descriptors.shape}; expected float32 (N, D)"
            )
        if len(descriptors) != len(skus):
            raise ValueError(
                f"{len(descriptors)} descriptors have {len(skus)} skus; expected one sku each"
            )
        self._names = sorted(set(skus))
        position = {name: number for number, name in enumerate(self._names)}
        owners = np.fromiter((position[sku] for sku in skus), np.intp, len(skus))
        counts = np.bincount(owners, minlength=len(self._names))
        # Those of the sku at i lie from starts[i] to starts[i + 1].
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._descriptors = descriptors[np.argsort(owners, kind="stable")]
        self._most_of_a_sku = int(counts.max(initial=0))
        self._file = _inverted_file(self._descriptors) if len(skus) > exact_up_to else None

    def __len__(self) -> int:
        return len(self._descriptors)

    def nearest(self, descriptor: NDArray[np.float32], count: int) -> list[tuple[str, float]]:
        """The best ``count`` skus with the cosine of their best reference, best first.

        descriptor  (D,) float32, unit vector

        All skus where there are fewer. Raises ValueError for a descriptor of another shape.
        """
        count = min(count, len(self._names))
        if count < 1:
            return []
        if descriptor.shape != self._descriptors.shape[1:]:
            raise ValueError(
                f"descriptor is {descriptor.shape}; the references have "
                f"{self._descriptors.shape[1:]}: enroll them again with the model in use"
            )
        descriptor = np.ascontiguousarray(descriptor, np.float32)
        proposed = self._proposed(descriptor, count)
        if len(proposed) < count:
            return self._best(np.arange(len(self._names)), self._cosines(descriptor), count)
        cosines = [
            (self._descriptors[self._starts[sku] : self._starts[sku + 1]] @ descriptor).max()
            for sku in proposed
        ]
        return self._best(proposed, np.array(cosines), count)

    def _proposed(self, descriptor: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        """Skus of which some reference is near by the inverted file; none without one."""
        if self._file is None:
            return np.empty(0, np.intp)
        neighbours = min(count * self._most_of_a_sku, _MOST_NEIGHBOURS)
        _, (found,) = self._file.search(descriptor[np.newaxis], neighbours)
        # Where the lists that were read hold fewer, faiss fills up with -1.
        return np.unique(np.searchsorted(self._starts, found[found >= 0], "right") - 1)

    def _cosines(self, descriptor: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of the best reference of every sku."""
        # Memory is what limits it, not arithmetic: the threads of a BLAS gain nothing, and on busy
        # cores they wait for each other for 100 ms. This takes one.
        cosines = np.einsum("ij,j->i", self._descriptors, descriptor)
        return np.asarray(np.maximum.reduceat(cosines, self._starts[:-1]))

    def _best(
        self, skus: NDArray[np.intp], cosines: NDArray[np.float32], count: int
    ) -> list[tuple[str, float]]:
        chosen = np.argpartition(-cosines, count - 1)[:count]
        chosen = chosen[np.argsort(-cosines[chosen])]
        return [(self._names[skus[i]], float(cosines[i])) for i in chosen]


def _inverted_file(descriptors: NDArray[np.float32]) -> Any:
    """A faiss index over (N, D) float32 unit vectors."""
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"an index of {len(descriptors)} descriptors needs the package faiss-cpu: "
            "pip install -r requirements/robot.txt, in a checkout of damage_perception",
            name="faiss",
        ) from error
    count, dimension = descriptors.shape
    lists = 2 ** round(np.log2(count) / 2)
    file: Any = faiss.index_factory(dimension, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    file.nprobe = max(1, round(lists * _READ))
    file.cp.min_points_per_centroid = 1
    sample = np.random.default_rng(0).choice(
        count, min(count, lists * _TRAINING_PER_LIST), replace=False
    )
    # A second thread spins for longer than it works, and the cores are the detector's. OpenMP keeps
    # this per thread: others are left as they are.
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        file.train(descriptors[sample])
        for start in range(0, count, _BLOCK):
            file.add(descriptors[start : start + _BLOCK])
    finally:
        faiss.omp_set_num_threads(threads)
    return file
