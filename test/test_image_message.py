"""Image messages become arrays, whatever their rows and byte order, or are refused."""

import struct
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from damage_perception.frame import CameraModel
from damage_perception.image_message import (
    ConversionError,
    read_camera_info,
    read_color,
    read_compressed_color,
    read_compressed_depth,
    read_depth,
)

SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))
PADDING = st.integers(0, 9)
# Where each colour encoding keeps red, green and blue.
CHANNELS = {"rgb8": (3, (0, 1, 2)), "bgr8": (3, (2, 1, 0))}
CHANNELS |= {"rgba8": (4, (0, 1, 2)), "bgra8": (4, (2, 1, 0)), "mono8": (1, (0, 0, 0))}


def message(pixels, encoding, padding=0, big_endian=False):
    """An image message of (H, W[, C]) pixels whose rows end in ``padding`` bytes of rubbish."""
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(height, -1)
    rubbish = np.full((height, padding), 0xA5, np.uint8)
    data = np.hstack([rows, rubbish]).tobytes()
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1] + padding,
        is_bigendian=int(big_endian),
        data=data,
    )


def random_pixels(seed, size, channels):
    shape = size if channels == 1 else (*size, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@given(st.sampled_from(sorted(CHANNELS)), SIZES, PADDING, st.integers(0, 1000))
def test_colour_comes_out_as_rgb(encoding, size, padding, seed):
    channels, order = CHANNELS[encoding]
    pixels = random_pixels(seed, size, channels)
    color = read_color(message(pixels, encoding, padding))
    assert color.dtype == np.uint8 and color.flags.c_contiguous
    assert np.array_equal(color, pixels.reshape(*size, channels)[..., order])


@given(SIZES, PADDING, st.booleans(), st.integers(0, 1000))
def test_depth_in_millimetres_comes_out_in_metres(size, padding, big_endian, seed):
    millimetres = np.random.default_rng(seed).integers(0, 1 << 16, size, np.uint16)
    stored = millimetres.astype(">u2" if big_endian else "<u2")
    depth = read_depth(message(stored, "16UC1", padding, big_endian))
    assert depth.dtype == np.float32
    assert depth == pytest.approx(millimetres / 1000, rel=1e-6)


@given(SIZES, PADDING, st.booleans(), st.integers(0, 1000))
def test_depth_in_metres_is_kept_bit_for_bit(size, padding, big_endian, seed):
    metres = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    metres.flat[0] = np.nan
    metres.flat[-1] = np.inf
    stored = metres.astype(">f4" if big_endian else "<f4")
    depth = read_depth(message(stored, "32FC1", padding, big_endian))
    assert depth.dtype == np.float32
    assert np.array_equal(depth, metres, equal_nan=True)


def test_plain_images_share_the_message_memory():
    colored = message(random_pixels(0, (4, 5), 3), "rgb8")
    metres = message(np.ones((4, 5), np.float32), "32FC1")
    for pixels, source in ((read_color(colored), colored), (read_depth(metres), metres)):
        assert np.shares_memory(pixels, np.frombuffer(source.data, np.uint8))


@given(st.integers(-40, 40).filter(bool), st.sampled_from(["rgb8", "16UC1"]))
def test_data_of_another_length_is_refused(surplus, encoding):
    image = message(np.zeros((4, 6), np.uint16 if encoding == "16UC1" else (np.uint8, 3)), encoding)
    image.data = image.data[:surplus] if surplus < 0 else image.data + bytes(surplus)
    with pytest.raises(ConversionError, match="bytes of data; 4 rows of"):
        (read_depth if encoding == "16UC1" else read_color)(image)


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (0, 0)])
def test_an_image_without_pixels_is_refused(height, width):
    image = SimpleNamespace(
        height=height, width=width, encoding="rgb8", step=15, is_bigendian=0, data=b""
    )
    with pytest.raises(ConversionError, match="expected pixels"):
        read_color(image)


def test_rows_shorter_than_their_pixels_are_refused():
    image = message(np.zeros((4, 5, 3), np.uint8), "rgb8")
    image.step = 14
    with pytest.raises(ConversionError, match="rows of 14 bytes"):
        read_color(image)


@given(
    st.sampled_from([*sorted(CHANNELS), "16UC1", "32FC1"]),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 200),
    st.binary(max_size=300),
)
def test_no_message_does_more_than_convert_or_be_refused(encoding, height, width, step, data):
    image = SimpleNamespace(
        height=height, width=width, encoding=encoding, step=step, is_bigendian=0, data=data
    )
    try:
        pixels = (read_color if encoding in CHANNELS else read_depth)(image)
    except ConversionError:
        return
    assert pixels.shape[:2] == (height, width)


@pytest.mark.parametrize("encoding", ["8UC3", "rgb8", "64FC1", ""])
def test_depth_of_another_encoding_names_the_mend(encoding):
    image = message(np.zeros((2, 2, 3), np.uint8), encoding)
    with pytest.raises(ConversionError, match=r"expected 16UC1 .*remap depth"):
        read_depth(image)


def test_other_colour_needs_cv_bridge_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    image = message(np.zeros((2, 2, 2), np.uint8), "yuv422")
    with pytest.raises(ConversionError, match="yuv422; without cv_bridge expected rgb8, bgr8"):
        read_color(image)


def test_other_colour_goes_through_cv_bridge_where_it_is_installed(monkeypatch):
    class Bridge:
        def imgmsg_to_cv2(self, image, encoding):
            if image.encoding == "broken":
                raise RuntimeError("no such encoding")
            assert encoding == "rgb8"
            return np.full((2, 2, 3), 7, np.uint8)

    monkeypatch.setitem(sys.modules, "cv_bridge", SimpleNamespace(CvBridge=Bridge))
    assert read_color(message(np.zeros((2, 2, 2), np.uint8), "yuv422")).max() == 7
    with pytest.raises(ConversionError, match="no such encoding"):
        read_color(message(np.zeros((2, 2, 2), np.uint8), "broken"))


def test_camera_info_becomes_a_pinhole_model():
    info = SimpleNamespace(width=64, height=48, k=[50.0, 0, 31.5, 0, 51.0, 23.5, 0, 0, 1])
    assert read_camera_info(info) == CameraModel(64, 48, 50.0, 51.0, 31.5, 23.5)
    info.k = [0.0] * 9
    with pytest.raises(ValueError, match="positive focal lengths"):
        read_camera_info(info)


def compressed(data, kind="16UC1; compressedDepth png"):
    return SimpleNamespace(format=kind, data=data)


def packed_depth(image, a=0.0, b=0.0):
    png = cv2.imencode(".png", image)[1].tobytes()
    return struct.pack("<iff", 0, a, b) + png


def test_compressed_colour_is_rgb():
    image = np.zeros((8, 12, 3), np.uint8)
    image[..., 0] = 200
    png = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    assert np.array_equal(read_compressed_color(compressed(png, "rgb8; png")), image)


def test_compressed_depth_in_millimetres_becomes_metres():
    image = np.array([[0, 700, 65535]], np.uint16)
    depth_m = read_compressed_depth(compressed(packed_depth(image)))
    assert depth_m.dtype == np.float32 and depth_m == pytest.approx(np.array([[0, 0.7, 65.535]]))


@given(st.floats(0.3, 9.0))
def test_quantised_inverse_depth_becomes_metres_again(depth_m):
    # As compressed_depth_image_transport writes it: a parameter of 100 quantums at 10 m.
    a = 100.0 * 101.0
    b = 1.0 - a / 10.0
    image = np.array([[0, round(a / depth_m + b)]], np.uint16)
    data = packed_depth(image, a, b)
    read = read_compressed_depth(compressed(data, "32FC1; compressedDepth png"))
    assert read[0, 0] == 0 and read[0, 1] == pytest.approx(depth_m, rel=0.01)


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"", "16UC1; compressedDepth png", "0 bytes"),
        (b"x" * 40, "16UC1; compressedDepth png", "no 16-bit grey PNG"),
        (packed_depth(np.zeros((4, 4), np.uint8)), "16UC1; compressedDepth png", "16-bit"),
        (packed_depth(np.zeros((4, 4), np.uint16)), "16UC1; compressedDepth rvl", "png"),
        (packed_depth(np.zeros((4, 4), np.uint16)), "rgb8; jpeg", "expected 16UC1"),
    ],
)
def test_what_is_no_compressed_depth_is_an_error_that_says_why(data, kind, text):
    with pytest.raises(ConversionError, match=text):
        read_compressed_depth(compressed(data, kind))


def test_a_jpeg_that_breaks_off_is_an_error():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", noise)[1].tobytes()
    for data in (jpeg[: len(jpeg) // 2], b"", b"nothing"):
        with pytest.raises(ConversionError, match="cannot be decoded"):
            read_compressed_color(compressed(data, "rgb8; jpeg compressed bgr8"))


def announcing(data, offset, width, height, code):
    """``data`` with another size in its header."""
    return data[:offset] + struct.pack(code, width, height) + data[offset + struct.calcsize(code) :]


def test_an_image_that_announces_more_than_it_has_is_refused_before_room_is_made():
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    png = cv2.imencode(".png", image)[1].tobytes()
    start = next(i for i in range(len(jpeg)) if jpeg[i : i + 2] == b"\xff\xc0")
    chunk = png.index(b"IDAT") - 4
    for data in (
        announcing(jpeg, start + 5, 30000, 30000, ">HH"),
        announcing(png, 16, 30000, 30000, ">II"),
        png[:chunk] + struct.pack(">I", 0xF0000000) + png[chunk + 4 :],
    ):
        with pytest.raises(ConversionError, match="cannot be decoded"):
            read_compressed_color(compressed(data, "rgb8; jpeg compressed bgr8"))
