"""Whether the images of a camera are live: neither repeated, nor torn, nor noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import ColorImage, Frame
from damage_perception.verdict.quality import QualityLimits
from damage_perception.verdict.report import Reason

# Every so many rows are compared; where all are equal, the whole images are.
_ROW_STRIDE: Final = 4
# What is looked at of a row first; with noise the rest need not be.
_COLUMN_STRIDE: Final = 16
# So many rows of an image that are equal to those before, over live depth, are a torn image.
_TORN_SHARE: Final = 0.1
# Noise: most patches of neighbouring pixels have nothing in common, along rows and columns.
_PATCH: Final = 32
_LINE_STRIDE: Final = 24
_UNRELATED: Final = 0.75
_NOISE_LEVELS: Final = 15.0
_NOISE_SHARE: Final = 0.5
_LAGS: Final = range(2, 13)


@dataclass(frozen=True)
class _Repeated:
    """A frame, and since which stamp its colour and its depth are the same to the bit."""

    frame: Frame
    color_since_ns: int
    depth_since_ns: int


class ImageWatch:
    """Holds each frame of one camera against the one before.

    A sensor has noise: colour that is equal to the bit while depth is live was not taken anew.
    Where both are equal, a simulation without noise may stand still, so that has to last.
    """

    def __init__(self) -> None:
        self._before: _Repeated | None = None

    def faults(self, frame: Frame, limits: QualityLimits) -> Reason:
        """FROZEN, COLOR_MISMATCH (noise, or torn), or NONE."""
        found = Reason.NONE
        if limits.check_color and is_noise(frame.color):
            found |= Reason.COLOR_MISMATCH
        if limits.frozen_after_ns:
            found |= self._repeated(frame, limits.frozen_after_ns, limits.check_color)
        return found

    def _repeated(self, frame: Frame, frozen_after_ns: int, check_color: bool) -> Reason:
        before, stamp_ns = self._before, frame.stamp_ns
        fresh = _Repeated(frame, stamp_ns, stamp_ns)
        self._before = fresh
        if (
            before is None
            or before.frame.color.shape != frame.color.shape
            or stamp_ns <= before.frame.stamp_ns
        ):
            return Reason.NONE
        rows = _equal_rows(before.frame.color, frame.color)
        color_equal = bool(rows.all()) and np.array_equal(before.frame.color, frame.color)
        depth_equal = _same_depth(before.frame, frame)
        self._before = _Repeated(
            frame,
            before.color_since_ns if color_equal else stamp_ns,
            before.depth_since_ns if depth_equal else stamp_ns,
        )
        live_depth = frame.depth_m is not None and not depth_equal
        if color_equal and live_depth:
            return Reason.FROZEN
        if color_equal and stamp_ns - self._before.color_since_ns > frozen_after_ns:
            return Reason.FROZEN
        if (
            depth_equal
            and frame.depth_m is not None
            and frame.depth_m.any()
            and stamp_ns - self._before.depth_since_ns > frozen_after_ns
        ):
            return Reason.FROZEN
        if check_color and live_depth and _is_torn(rows, before.frame, frame):
            return Reason.COLOR_MISMATCH
        return Reason.NONE


def is_noise(color: ColorImage) -> bool:
    """Whether most of an image is noise: strong differences that neighbours do not share."""
    return _is_noise(color[::_LINE_STRIDE, :, 1]) and _is_noise(color[:, ::_LINE_STRIDE, 1].T)


def _is_noise(lines: NDArray[np.uint8]) -> bool:
    """Whether most patches of some lines of pixels are noise."""
    count = lines.shape[1] // _PATCH
    if not count:
        return False
    patches = lines[:, : count * _PATCH].reshape(-1, _PATCH).astype(np.float32)
    centred = patches - patches.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred) / _PATCH
    steps = patches[:, 1:] - patches[:, :-1]
    apart = np.einsum("ij,ij->i", steps, steps) / (2 * (_PATCH - 1))
    noisy = (apart > _UNRELATED * variance) & (apart > _NOISE_LEVELS**2)
    if float(noisy.mean()) <= _NOISE_SHARE:
        return False
    # A mesh or a fine print repeats itself a few pixels on.
    total = float(variance.mean())
    return all(
        float(np.square(patches[:, lag:] - patches[:, :-lag]).mean()) / 2 > _UNRELATED * total
        for lag in _LAGS
    )


def _equal_rows(one: ColorImage, other: ColorImage) -> NDArray[np.bool_]:
    """(rows,) whether every _ROW_STRIDE-th row is equal to the bit."""
    thin = np.s_[::_ROW_STRIDE, ::_COLUMN_STRIDE]
    likely = np.asarray((one[thin] == other[thin]).all(axis=(1, 2)))
    rows = np.flatnonzero(likely) * _ROW_STRIDE
    likely[likely] = (one[rows] == other[rows]).all(axis=(1, 2))
    return likely


def _same_depth(before: Frame, now: Frame) -> bool:
    if before.depth_m is None or now.depth_m is None:
        return before.depth_m is now.depth_m
    if before.depth_m.shape != now.depth_m.shape:
        return False
    rows = np.s_[::_ROW_STRIDE]
    return np.array_equal(before.depth_m[rows], now.depth_m[rows]) and np.array_equal(
        before.depth_m, now.depth_m
    )


def _is_torn(equal: NDArray[np.bool_], before: Frame, now: Frame) -> bool:
    """Whether a block of rows repeats the image before, while depth is live in these rows."""
    if equal.mean() < _TORN_SHARE or before.depth_m is None or now.depth_m is None:
        return False
    rows = np.flatnonzero(equal) * _ROW_STRIDE
    color = now.color[rows]
    # Rows of one colour, black or overexposed, may well be equal.
    told = (color != color[:, :1]).any(axis=(1, 2))
    live = (before.depth_m[rows] != now.depth_m[rows]).any(axis=1)
    return float((told & live).sum()) >= _TORN_SHARE * len(equal)
