"""Real sensors: what colour cameras and three kinds of depth sensors make of a perfect image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.frame import Frame
from damage_perception.simulation.damage.outline import smooth_noise
from damage_perception.simulation.rendering.mesh import Array, vector
from damage_perception.simulation.rendering.render import Rendering
from damage_perception.simulation.split import Split, choose


@dataclass(frozen=True)
class DepthModel:
    """A depth sensor.

    noise_m at 1 m grows with distance ** growth; lumpiness is the share of the noise that is
    smooth over some pixels; step_m is the quantisation at 1 m; baseline_m (signed) makes the
    shadow beside near edges; fatten_px widens near things; dark and shiny are luminances (0..1)
    below and above which readings fail; grazing is the least cosine with a reading.
    """

    noise_m: float
    growth: float
    lumpiness: float
    step_m: float
    baseline_m: float
    fatten_px: float
    flying: float
    dark: float
    shiny: float
    grazing: float


DEPTH_MODELS: Final[dict[str, DepthModel]] = {
    "fused": DepthModel(0.0001, 1, 0.5, 0.0001, 0.0, 0.0, 0.0, 0.0, 2.0, 0.02),
    "structured_light_short": DepthModel(0.0008, 2, 0.5, 0.0008, 0.06, 0.5, 0.0, 0.03, 0.97, 0.15),
    "structured_light_mid": DepthModel(0.0018, 2, 0.6, 0.0025, 0.075, 1.0, 0.0, 0.05, 0.95, 0.22),
    "structured_light_fine": DepthModel(0.0003, 2, 0.3, 0.0002, 0.1, 0.3, 0.0, 0.04, 0.96, 0.2),
    "stereo_active": DepthModel(0.002, 2, 0.8, 0.0005, 0.05, 2.0, 0.1, 0.0, 0.99, 0.1),
    "stereo_passive": DepthModel(0.003, 2, 0.85, 0.0015, 0.095, 2.5, 0.2, 0.01, 0.98, 0.12),
    "stereo_wide": DepthModel(0.0012, 2, 0.8, 0.0004, -0.12, 1.5, 0.1, 0.01, 0.99, 0.12),
    "tof": DepthModel(0.002, 1, 0.2, 0.001, 0.0, 0.5, 0.8, 0.04, 0.985, 0.12),
    "tof_coarse": DepthModel(0.0035, 1, 0.3, 0.001, 0.01, 1.0, 0.9, 0.06, 0.98, 0.18),
}


def _piece(family: DepthModel, rng: np.random.Generator) -> DepthModel:
    """One sensor of a family: no two are alike, nor two settings of one."""
    noise, step = np.exp(rng.uniform(np.log(0.6), np.log(1.7), 2))
    return replace(
        family,
        noise_m=family.noise_m * float(noise),
        step_m=family.step_m * float(step),
        baseline_m=family.baseline_m * float(rng.uniform(0.7, 1.3)),
        fatten_px=family.fatten_px * float(rng.uniform(0.6, 1.4)),
    )


@dataclass(frozen=True)
class Sensor:
    """One RGB-D camera with its faults; `apply` turns a rendering into a frame.

    scale is the sensor's own resolution as a share of the rendering's; balance (3,) multiplies
    linear RGB; jpeg is a quality or 0.
    """

    name: str
    depth: DepthModel
    depth_scale: float
    color_scale: float
    level: float
    balance: tuple[float, float, float]
    gamma: float
    noise: float
    blur_px: float
    motion_px: float
    motion_angle: float
    vignette: float
    jpeg: int
    shift_px: tuple[float, float]

    @classmethod
    def sample(cls, split: Split, rng: np.random.Generator) -> Sensor:
        """Draw a sensor; the families of depth sensors differ between train and test."""
        name = choose(split, "sensor", rng)
        tint = np.exp(rng.normal(0, 0.09, 3))
        misplaced = rng.random() < 0.3
        # From a sharp camera close by to a small item in a wide image.
        coarse = rng.random() < 0.45
        noise = 0.0 if rng.random() < 0.15 else float(rng.exponential(0.012))
        return cls(
            name=name,
            depth=_piece(DEPTH_MODELS[name], rng),
            depth_scale=float(rng.uniform(0.35, 1.0)),
            color_scale=float(np.exp(rng.uniform(np.log(0.35), 0))) if coarse else 1.0,
            level=float(np.exp(rng.normal(np.log(0.2), 0.4))),
            balance=(float(tint[0]), float(tint[1]), float(tint[2])),
            gamma=float(rng.uniform(1.8, 2.5)),
            noise=noise,
            blur_px=float(rng.uniform(0.3, 0.9)),
            motion_px=float(rng.exponential(1.5)) if rng.random() < 0.15 else 0.0,
            motion_angle=float(rng.uniform(0, np.pi)),
            vignette=float(rng.uniform(0, 0.35)),
            jpeg=int(rng.integers(45, 98)) if rng.random() < 0.6 else 0,
            shift_px=(float(rng.normal(0, 1.0)), float(rng.normal(0, 1.0)))
            if misplaced
            else (0, 0),
        )

    def steady(self) -> Sensor:
        """The same sensor well adjusted: no motion blur, good light, full resolution."""
        level = min(max(self.level, 0.16), 0.3)
        return replace(self, motion_px=0.0, color_scale=1.0, depth_scale=1.0, level=level)

    def apply(
        self,
        rendering: Rendering,
        rng: np.random.Generator,
        *,
        with_depth: bool = True,
        metered: float | None = None,
    ) -> Frame:
        """The frame that this sensor delivers; without depth it has none at all.

        metered is the mean radiance the exposure was set for; by default the rendering's own.
        """
        mean = (float(rendering.radiance.mean()) if metered is None else metered) + 1e-4
        depth = self._measure(rendering, mean, rng) if with_depth else None
        return Frame(self._develop(rendering, mean, rng), depth, rendering.camera)

    def noise_m(self, depth_m: Array) -> Array:
        """Standard deviation in metres of the readings at (H, W) depths."""
        return np.asarray(self.depth.noise_m * depth_m**self.depth.growth, np.float32)

    def _develop(
        self, rendering: Rendering, mean: float, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """Exposure, white balance, lens, noise, tone curve and compression."""
        height, width = rendering.items.shape
        light = rendering.radiance * vector(*self.balance)
        light *= self.level / mean
        if self.vignette > 0.02:
            y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
            light *= (1 - self.vignette * (x**2 + y**2) / 2).astype(np.float32)[..., None]
        if self.color_scale < 0.95:
            small = (
                max(8, round(width * self.color_scale)),
                max(8, round(height * self.color_scale)),
            )
            light = cv2.resize(light, small, interpolation=cv2.INTER_AREA)
        light = cv2.GaussianBlur(light, (0, 0), self.blur_px)
        if self.motion_px > 1:
            light = cv2.filter2D(light, -1, _streak(self.motion_px, self.motion_angle))
        grain: Array = np.asarray(light, np.float32)
        spread = self.noise * np.sqrt(np.clip(grain, 0.01, 1))
        grain = grain + spread * rng.standard_normal(grain.shape, np.float32)
        toned = np.clip(grain, 0, 1) ** (1 / self.gamma)
        color = (255 * toned + 0.5).astype(np.uint8)
        if self.jpeg:
            _, packed = cv2.imencode(".jpg", color, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])
            color = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
        if color.shape[:2] != (height, width):
            color = np.asarray(cv2.resize(color, (width, height), interpolation=cv2.INTER_LINEAR))
        return color

    def _measure(self, rendering: Rendering, mean: float, rng: np.random.Generator) -> Array:
        """Depth with shadow, failures, fattened edges, flying pixels, noise and steps."""
        model = self.depth
        height, width = rendering.items.shape
        scale = self.depth_scale
        shape = (max(8, round(height * scale)), max(8, round(width * scale)))

        def small(image: Array) -> Array:
            return np.asarray(cv2.resize(image, shape[::-1], interpolation=cv2.INTER_NEAREST))

        depth = small(rendering.depth_true_m)
        lost = depth <= 0
        lost |= _shadowed(depth, model.baseline_m * rendering.camera.fx * scale)
        if model.fatten_px >= 0.5:
            size = 1 + 2 * round(model.fatten_px)
            far = np.where(depth > 0, depth, 1e3).astype(np.float32)
            patchy = smooth_noise(rng, shape, 14) > -0.3
            depth = np.where(patchy, cv2.erode(far, np.ones((size, size), np.uint8)), far)
        if model.flying:
            mixed = cv2.blur(depth, (3, 3))
            edge = np.abs(mixed - depth) > 0.004
            flies = edge & (rng.random(shape) < model.flying)
            depth = np.where(flies, mixed, depth)
            lost |= edge & (rng.random(shape) < 0.4)
        smooth = cv2.GaussianBlur(depth, (0, 0), 0.8)
        depth = np.where(np.abs(smooth - depth) < 0.004, smooth, depth)
        spread = self.noise_m(depth)
        fine = rng.standard_normal(shape, np.float32)
        lumpy = smooth_noise(rng, shape, max(shape) / 5) * 1.7
        depth = depth + spread * (lumpy * model.lumpiness + fine * (1 - model.lumpiness))
        step = np.maximum(model.step_m * depth**model.growth, 1e-5)
        depth = np.round(depth / step) * step

        luminance = small(rendering.radiance.mean(-1) * self.level)
        luminance = luminance / mean
        patches = 0.5 + 0.5 * smooth_noise(rng, shape, 20)
        lost |= luminance < model.dark * 1.3 * patches
        lost |= (luminance > 1.8 * model.shiny) & (small(rendering.gloss) > 0.25 + 0.3 * patches)
        lost |= small(rendering.facing) < model.grazing * (0.5 + patches)
        lost |= rng.random(shape) < 0.001
        depth = np.where(lost | (depth > 20), 0, depth).astype(np.float32)
        dx, dy = self.shift_px
        turn = np.array([[width / shape[1], 0, dx], [0, height / shape[0], dy]], np.float32)
        placed = cv2.warpAffine(depth, turn, (width, height), flags=cv2.INTER_NEAREST)
        return np.asarray(placed, np.float32)


def _shadowed(depth: Array, shift_px_m: float) -> NDArray[np.bool_]:
    """Pixels that the second eye (or the projector) of a sensor cannot see."""
    if shift_px_m == 0:
        return np.zeros(depth.shape, np.bool_)
    if shift_px_m < 0:
        return _shadowed(depth[:, ::-1], -shift_px_m)[:, ::-1]
    column = np.arange(depth.shape[1], dtype=np.float32)
    seen_at = column - shift_px_m / np.maximum(depth, 0.05)
    nearest = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
    return np.asarray(seen_at > nearest + 0.9, np.bool_)


def _streak(length_px: float, angle: float) -> Array:
    """A motion blur kernel."""
    size = 2 * int(np.ceil(length_px / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    middle = size // 2
    dx, dy = np.cos(angle) * length_px / 2, np.sin(angle) * length_px / 2
    start, stop = (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))
    cv2.line(kernel, start, stop, 1.0)
    return np.asarray(kernel / kernel.sum(), np.float32)
