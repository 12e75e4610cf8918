"""Lights over a scene and how surfaces answer to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from damage_perception.simulation.rendering.mesh import Array, vector


@dataclass(frozen=True)
class Light:
    """A distant lamp: unit direction toward it (3,), linear RGB colour (3,), angular radius."""

    direction: Array
    colour: Array
    radius: float


@dataclass(frozen=True)
class Lighting:
    """Lamps, the first of which casts shadows, and an ambient sky of linear RGB colour."""

    lights: tuple[Light, ...]
    ambient: Array
    panels: Array

    def shade(
        self,
        albedo: Array,
        gloss: Array,
        normal: Array,
        toward: Array,
        shadow: Array,
        openness: Array,
    ) -> Array:
        """(3, N) linear radiance of surface points.

        albedo (3, N) linear, gloss (N,), normal and toward (the camera) (3, N) unit, shadow (N,)
        1 where the first lamp is seen, openness (N,) share of the sky that is seen.
        """
        facing = np.einsum("ij,ij->j", normal, toward)
        mirrored = (2 * facing) * normal - toward
        power = 6 + 180 * gloss * gloss
        strength = (0.07 + 0.5 * gloss) * gloss
        received = self.ambient[:, None] * ((0.62 + 0.38 * normal[2]) * openness)
        away = (1 - facing) * (1 - facing)
        glow = (0.05 + 0.6 * away * away) * gloss * 2.2 * self._reflected(mirrored) * openness
        shine = self.ambient[:, None] * glow
        for index, light in enumerate(self.lights):
            seen = shadow if index == 0 else 0.4 + 0.6 * openness
            colour = light.colour[:, None]
            received += colour * (np.maximum(light.direction @ normal, 0) * seen)
            along = np.maximum(light.direction @ mirrored, 1e-6)
            shine += colour * (np.exp(power * np.log(along)) * strength * seen)
        return np.asarray(albedo * received + shine, np.float32)

    def _reflected(self, direction: Array) -> Array:
        """(N,) brightness of the surroundings: a bright ceiling with panels."""
        bright = 0.35 + 0.5 * np.maximum(direction[2], 0)
        for panel in self.panels:
            bright += 3.5 * np.clip((panel[:3] @ direction - panel[3]) * 30, 0, 1)
        return np.asarray(bright, np.float32)


def sample_lighting(rng: np.random.Generator) -> Lighting:
    """Draw one to three lamps, an ambient sky and the panels that glossy things mirror."""
    warm = _temperature(rng)
    lights = []
    for index in range(int(rng.integers(1, 4))):
        tilt = np.radians(rng.uniform(5, 58))
        azimuth = rng.uniform(0, 2 * np.pi)
        direction = np.array(
            [np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth), np.cos(tilt)],
            np.float32,
        )
        strength = rng.uniform(0.6, 2.0) * (1.0 if index == 0 else 0.5)
        lights.append(
            Light(direction, (strength * warm).astype(np.float32), rng.uniform(0.01, 0.13))
        )
    panels = np.zeros((int(rng.integers(0, 4)), 4), np.float32)
    for panel in panels:
        axis = rng.normal((0, 0, 1.2), 1)
        panel[:3] = axis / np.linalg.norm(axis)
        panel[3] = rng.uniform(0.88, 0.985)
    ambient = (rng.uniform(0.12, 0.8) * _temperature(rng)).astype(np.float32)
    return Lighting(tuple(lights), ambient, panels)


def _temperature(rng: np.random.Generator) -> Array:
    """A light colour between warm and cool, of about unit brightness."""
    shift = rng.normal(0, 0.12)
    return vector(1 + shift, 1 + rng.normal(0, 0.02), 1 - shift)
