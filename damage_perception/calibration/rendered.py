"""What a camera sees of a board whose place is known: images for tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from damage_perception.calibration.board import Board
from damage_perception.frame import CameraModel, ColorImage

_TEXTURE_PX_PER_MM: Final = 4
# Samples along each side of a pixel.
_SAMPLES: Final = 4
_BLACK, _WHITE, _BEHIND = 35, 205, 120


@dataclass(frozen=True)
class Imaging:
    """How good the images are.

    blur_px  standard deviation of the blur
    noise    standard deviation of the noise, grey levels
    shade    by how much the light falls off from one side of the image to the other, as a share
    """

    blur_px: float = 0.8
    noise: float = 3.0
    shade: float = 0.3


def render(
    board: Board,
    camera: CameraModel,
    pose: NDArray[np.float64],
    rng: np.random.Generator,
    imaging: Imaging = Imaging(),
) -> ColorImage:
    """(H, W, 3) image of a board.

    pose  (4, 4) from the frame of the board to the optical frame
    """
    texture = _texture(board)
    scale = _TEXTURE_PX_PER_MM * 1000
    height, width = texture.shape
    # From pixels of the texture, whose middles are whole numbers, to metres on the board.
    to_board = np.array(
        [
            [1 / scale, 0, (0.5 - width / 2) / scale],
            [0, -1 / scale, (height / 2 - 0.5) / scale],
            [0, 0, 1],
        ]
    )
    intrinsics = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    finer = np.array(
        [[_SAMPLES, 0, (_SAMPLES - 1) / 2], [0, _SAMPLES, (_SAMPLES - 1) / 2], [0, 0, 1]]
    )
    to_image = finer @ intrinsics @ pose[:3, [0, 1, 3]] @ to_board
    size = (_SAMPLES * camera.width, _SAMPLES * camera.height)
    fine = cv2.warpPerspective(
        texture, to_image, size, flags=cv2.INTER_LINEAR, borderValue=(_BEHIND,)
    )
    coarse = cv2.resize(fine, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    light = 1 - imaging.shade * np.linspace(0, 1, camera.width) * rng.uniform(0.3, 1)
    blurred = cv2.GaussianBlur(coarse * light, (0, 0), imaging.blur_px)
    noisy = blurred + rng.normal(0, imaging.noise, blurred.shape)
    grey = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@lru_cache(maxsize=4)
def _texture(board: Board) -> NDArray[np.uint8]:
    """The whole sheet of paper."""
    width, height = board.size_mm
    texture = np.full((height * _TEXTURE_PX_PER_MM, width * _TEXTURE_PX_PER_MM), _WHITE, np.uint8)
    middle = np.array([width, height]) / 2
    for x, y, across, up in 1000 * board.black_m:
        left, top = middle[0] + x, middle[1] - y - up
        ends = np.array([left, top, left + across, top + up]) * _TEXTURE_PX_PER_MM
        a, b, c, d = np.rint(ends).astype(int)
        texture[b:d, a:c] = _BLACK
    return texture
