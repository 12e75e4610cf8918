"""Ray casting of patches with Embree, and shading of what the rays hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from damage_perception.frame import CameraModel
from damage_perception.kinds import CODES, MISSING_UNIT
from damage_perception.simulation.rendering.camera import Pose
from damage_perception.simulation.rendering.light import Lighting
from damage_perception.simulation.rendering.mesh import Array, Patch

_LINEAR = (np.arange(256, dtype=np.float32) / 255) ** 2.2
_COLUMNS = 1024
_LIFT_M = 4e-4
_NEAR_M = 0.08


Crop = tuple[slice, slice]  # rows and columns of an image


@dataclass(frozen=True)
class Rendering:
    """What a perfect camera sees.

    radiance (H, W, 3) float32 linear RGB; depth_true_m (H, W) float32 along the optical axis;
    kinds (H, W) uint8 codes of the damage; items (H, W) uint8: 0 ground and spills, 1 the target,
    2 and more its neighbours; facing (H, W) float32 cosine between ray and surface; gloss (H, W)
    float32. normal and offset_m: height above the ground is normal . point + offset_m.
    """

    radiance: Array
    depth_true_m: Array
    kinds: NDArray[np.uint8]
    items: NDArray[np.uint8]
    facing: Array
    gloss: Array
    camera: CameraModel
    normal: Array
    offset_m: float

    @property
    def color(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 sRGB of a neutral exposure, without any fault of a sensor."""
        level = float(np.percentile(self.radiance, 95)) + 1e-6
        return (255 * np.clip(self.radiance / level * 0.85, 0, 1) ** (1 / 2.2)).astype(np.uint8)


class Geometry:
    """Patches as one triangle mesh with attributes, in an Embree scene."""

    def __init__(self, patches: Sequence[Patch]) -> None:
        self.patches = list(patches)
        counts = [patch.points.shape[0] * patch.points.shape[1] for patch in patches]
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        self._faces = np.concatenate(
            [_triangles(patch) + start for patch, start in zip(patches, starts, strict=True)]
        ).astype(np.int32)
        self._owner = np.repeat(
            np.arange(len(patches), dtype=np.int32),
            [2 * (p.points.shape[0] - 1) * (p.points.shape[1] - 1) for p in patches],
        )
        points = np.concatenate([patch.points.reshape(-1, 3) for patch in patches])
        normals = np.concatenate([patch.normals().reshape(-1, 3) for patch in patches])
        uv = np.concatenate([np.stack(np.meshgrid(p.u, p.v), -1).reshape(-1, 2) for p in patches])
        self._attributes = np.ascontiguousarray(np.hstack([normals, uv]).T, np.float32)
        self._scene = EmbreeScene()
        TriangleMesh(self._scene, np.ascontiguousarray(points, np.float32), self._faces)

    def cast(self, origin: Array, directions: Array) -> tuple[NDArray[np.int32], Array, Array]:
        """First hits of (N, 3) rays from one point.

        Returns the patch (N,) or -1, the distance (N,) or 0, and normal and uv (5, N).
        """
        origins = np.ascontiguousarray(np.broadcast_to(origin, directions.shape), np.float32)
        hit = self._scene.run(origins, directions, output=True)
        found = hit["primID"] >= 0
        prim = np.maximum(hit["primID"], 0)
        u, v = hit["u"], hit["v"]
        table = self._attributes
        a, b, c = (np.take(corner, prim) for corner in self._faces.T.copy())
        attributes = np.take(table, a, axis=1) * (1 - u - v)
        attributes += np.take(table, b, axis=1) * u
        attributes += np.take(table, c, axis=1) * v
        owner = np.where(found, self._owner[prim], -1)
        return owner, np.where(found, hit["tfar"], 0).astype(np.float32), attributes

    def ground(self, origin: Array, directions: Array) -> tuple[NDArray[np.int32], Array, Array]:
        """What (3, N) rays from a point hit where nothing but the ground is, as from `cast`."""
        index = next(i for i, patch in enumerate(self.patches) if patch.name == "ground")
        patch = self.patches[index]
        down = directions[2] < -1e-3
        depth = np.where(down, -origin[2] / np.where(down, directions[2], -1), 0)
        first, last = patch.points[0, 0], patch.points[-1, -1]
        attributes = np.zeros((5, directions.shape[1]), np.float32)
        attributes[2] = 1
        for row, axis, line in ((3, 0, patch.u), (4, 1, patch.v)):
            share = (origin[axis] + depth * directions[axis] - first[axis]) / (last - first)[axis]
            attributes[row] = line[0] + share * (line[-1] - line[0])
        owner = np.where(down, index, -1).astype(np.int32)
        return owner, depth.astype(np.float32), attributes

    def distance(self, origin: Array, directions: Array) -> Array:
        """(N,) distance of the first hit, infinite where there is none."""
        origins = np.ascontiguousarray(np.broadcast_to(origin, directions.shape), np.float32)
        hit = self._scene.run(origins, directions, output=True)
        return np.where(hit["primID"] >= 0, hit["tfar"], np.inf).astype(np.float32)

    def visible(self, points: Array, directions: Array, reach_m: float = 1e3) -> Array:
        """(N,) 1 where nothing lies within ``reach_m`` of a point in a direction."""
        reach = np.full(len(points), reach_m, np.float32)
        blocked = self._scene.run(points, directions, reach, query="OCCLUDED")
        return np.asarray(blocked < 0, np.float32)

    def texels(self, owner: NDArray[np.int32], uv: Array, pixel_m: float) -> tuple[Array, Array]:
        """Colour and gloss (N, 4) uint8, and label (N,), at (2, N) positions of patches."""
        surface = np.zeros((len(owner), 4), np.uint8)
        kinds = np.zeros(len(owner), np.uint8)
        order = np.argsort(owner, kind="stable")
        bounds = np.searchsorted(owner[order], np.arange(len(self.patches) + 1))
        for index, patch in enumerate(self.patches):
            chosen = order[bounds[index] : bounds[index + 1]]
            if not len(chosen):
                continue
            position = uv[:, chosen]
            skin = patch.skin
            texture = _shrunk(skin.texture, patch, pixel_m)
            surface[chosen] = _sample(texture, position)
            if skin.kinds.any():
                rows, columns = skin.kinds.shape
                x = np.clip((position[0] * columns).astype(np.int32), 0, columns - 1)
                y = np.clip((position[1] * rows).astype(np.int32), 0, rows - 1)
                kinds[chosen] = skin.kinds[y, x]
        return surface, kinds


def _triangles(patch: Patch) -> NDArray[np.int64]:
    n, m = patch.points.shape[:2]
    index = np.arange(n * m).reshape(n, m)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.stack([np.stack([a, b, c], -1), np.stack([d, c, b], -1)], 2).reshape(-1, 3)


def _shrunk(texture: NDArray[np.uint8], patch: Patch, pixel_m: float) -> NDArray[np.uint8]:
    """The texture at about the resolution of the image, so that it does not alias."""
    rows, columns = texture.shape[:2]
    width, height = patch.extent_m
    across, down = abs(float(patch.u[-1] - patch.u[0])), abs(float(patch.v[-1] - patch.v[0]))
    finest = max(columns * across / max(width, 1e-6), rows * down / max(height, 1e-6)) * pixel_m
    if finest < 1.4:
        return texture
    shape = (max(4, round(columns / finest)), max(4, round(rows / finest)))
    return np.asarray(cv2.resize(texture, shape, interpolation=cv2.INTER_AREA), np.uint8)


def _sample(texture: NDArray[np.uint8], position: Array) -> NDArray[np.uint8]:
    """(N, 4) bilinear samples at (2, N) positions; beyond 0..1 the texture is reflected."""
    rows, columns = texture.shape[:2]
    count = position.shape[1]
    padded = -(-count // _COLUMNS) * _COLUMNS
    maps = np.zeros((2, padded), np.float32)
    maps[0, :count] = position[0] * columns - 0.5
    maps[1, :count] = position[1] * rows - 0.5
    x, y = maps.reshape(2, -1, _COLUMNS)
    taken = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(taken, np.uint8).reshape(-1, 4)[:count]


def render(
    patches: Sequence[Patch],
    ghosts: Sequence[Patch],
    lighting: Lighting,
    camera: CameraModel,
    pose: Pose,
    rng: np.random.Generator,
) -> Rendering:
    """Cast a ray for every pixel of a camera into patches and shade what it hits.

    Pixels whose ray would meet a ghost first are labelled as a missing unit.
    """
    geometry = Geometry(patches)
    shape = (camera.height, camera.width)
    rays = np.ascontiguousarray(camera.rays.reshape(-1, 3) @ pose.rotation, np.float32)
    along = np.ascontiguousarray(rays.T)
    busy = _busy(patches, lighting, camera, pose)
    owner, depth, attributes = geometry.ground(pose.position_m, along)
    looking = np.ascontiguousarray(rays.reshape(*shape, 3)[busy])
    hit_owner, hit_depth, hit = geometry.cast(pose.position_m, looking.reshape(-1, 3))
    owner.reshape(shape)[busy] = hit_owner.reshape(looking.shape[:2])
    depth.reshape(shape)[busy] = hit_depth.reshape(looking.shape[:2])
    attributes.reshape(5, *shape)[:, busy[0], busy[1]] = hit.reshape(5, *looking.shape[:2])
    toward = along / -np.sqrt(np.einsum("ij,ij->j", along, along))
    normal = attributes[:3]
    normal /= np.sqrt(np.einsum("ij,ij->j", normal, normal)) + np.float32(1e-9)
    facing = np.einsum("ij,ij->j", normal, toward)
    normal *= np.where(facing < 0, np.float32(-1), np.float32(1))
    middle = float(np.median(depth[::7]))
    surface, kinds = geometry.texels(owner, attributes[3:], middle / camera.fx)
    points = (depth * along + _LIFT_M * normal).T.reshape(*shape, 3) + pose.position_m
    shadow = _shadow(geometry, lighting, points, busy, rng)
    openness = _openness(geometry, points, normal.T.reshape(*shape, 3), busy, rng)
    gloss = surface[:, 3].astype(np.float32) / 255
    albedo = _LINEAR[np.ascontiguousarray(surface[:, :3].T)]
    radiance = lighting.shade(albedo, gloss, normal, toward, shadow, openness)
    items = np.array([patch.item for patch in geometry.patches] + [0], np.uint8)[owner]
    if ghosts:
        gone = Geometry(ghosts).distance(pose.position_m, rays)
        kinds[gone < depth] = CODES[MISSING_UNIT]
    plane_normal, offset = pose.plane
    return Rendering(
        np.ascontiguousarray(radiance.T).reshape(*shape, 3),
        depth.reshape(shape),
        kinds.reshape(shape),
        items.reshape(shape),
        np.abs(facing).reshape(shape),
        gloss.reshape(shape),
        camera,
        plane_normal,
        offset,
    )


def _busy(patches: Sequence[Patch], lighting: Lighting, camera: CameraModel, pose: Pose) -> Crop:
    """The rectangle beyond which there is nothing but ground in full light."""
    standing = [patch.points.reshape(-1, 3) for patch in patches if patch.name != "ground"]
    if not standing:
        return slice(0, 0), slice(0, 0)
    points = np.concatenate(standing)
    lamp = lighting.lights[0]
    margin = np.array([0.6, 0.6, 0]) * _NEAR_M
    low, high = points.min(0) - margin, points.max(0) + margin
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    shades = []
    for spread in (-1.75, 1.75):
        steep = lamp.direction[2] + spread * lamp.radius
        fall = (lamp.direction[:2] * (1 - spread * lamp.radius)) / steep
        shade = corners.copy()
        shade[:, :2] -= corners[:, 2:] * fall
        shade[:, 2] = 0
        shades.append(shade)
    pixels = pose.project(np.concatenate([corners, *shades]), camera)
    x0, y0 = np.clip(np.floor(pixels.min(0)), 0, (camera.width, camera.height)).astype(int)
    x1, y1 = np.clip(np.ceil(pixels.max(0)) + 1, 0, (camera.width, camera.height)).astype(int)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def _shadow(
    geometry: Geometry,
    lighting: Lighting,
    points: Array,
    busy: Crop,
    rng: np.random.Generator,
) -> Array:
    """(N,) how much of the first lamp (H, W, 3) points see: one jittered ray each, blurred."""
    lamp = lighting.lights[0]
    where = np.ascontiguousarray(points[busy]).reshape(-1, 3)
    direction = rng.random((len(where), 3), np.float32) * (3.5 * lamp.radius)
    direction += lamp.direction - 1.75 * lamp.radius
    seen = np.ones(points.shape[:2], np.float32)
    clear = geometry.visible(where, direction.astype(np.float32, copy=False))
    seen[busy] = clear.reshape(seen[busy].shape)
    width = 1 + 2 * max(1, round(lamp.radius * 26))
    soft = cv2.blur(cv2.blur(seen, (width, width)), (width, width))
    return np.asarray(soft, np.float32).ravel()


def _openness(
    geometry: Geometry,
    points: Array,
    normal: Array,
    busy: Crop,
    rng: np.random.Generator,
) -> Array:
    """(N,) share of the sky that (H, W, 3) points see: a ray for every fourth, blurred."""
    height, width = points.shape[:2]
    every = (
        slice(busy[0].start // 2, busy[0].stop // 2),
        slice(busy[1].start // 2, busy[1].stop // 2),
    )
    where = np.ascontiguousarray(points[::2, ::2][every]).reshape(-1, 3)
    direction = rng.standard_normal(where.shape, np.float32)
    direction /= np.sqrt(np.einsum("ij,ij->i", direction, direction))[:, None]
    direction += normal[::2, ::2][every].reshape(-1, 3)
    seen = np.ones(((height + 1) // 2, (width + 1) // 2), np.float32)
    clear = geometry.visible(where, direction, _NEAR_M)
    seen[every] = clear.reshape(seen[every].shape)
    wide = cv2.resize(cv2.blur(seen, (9, 9)), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(0.25 + 0.75 * wide, np.float32).ravel()
