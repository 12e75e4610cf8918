"""Serialized messages are read field by field, or refused; nothing in between."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import STORE, T, serialized

from damage_perception.image_message import ConversionError, read_camera_info
from damage_perception.ros.serialized import SerializedCameraInfo, SerializedImage, stamp_ns_of

# The zero ends a string in CDR.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
WORDS = st.integers(0, 2**32 - 1)
STAMPS = st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 999_999_999))
NUMBERS = st.floats(allow_nan=False)


def header(stamp, frame_id):
    return T["std_msgs/msg/Header"](T["builtin_interfaces/msg/Time"](*stamp), frame_id)


@st.composite
def images(draw):
    data = np.frombuffer(draw(st.binary(max_size=200)), np.uint8)
    return T["sensor_msgs/msg/Image"](
        header(draw(STAMPS), draw(TEXTS)), draw(WORDS), draw(WORDS), draw(TEXTS),
        draw(st.integers(0, 255)), draw(WORDS), data,
    )  # fmt: skip


@st.composite
def camera_infos(draw):
    def numbers(count):
        return np.array(draw(st.lists(NUMBERS, min_size=count, max_size=count)))

    roi = T["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    return T["sensor_msgs/msg/CameraInfo"](
        header(draw(STAMPS), draw(TEXTS)), draw(WORDS), draw(WORDS), draw(TEXTS),
        numbers(draw(st.integers(0, 14))), numbers(9), numbers(9), numbers(12), 0, 0, roi,
    )  # fmt: skip


def either_order(message, little):
    return bytes(STORE.serialize_cdr(message, message.__msgtype__, little_endian=little))


@given(images(), st.booleans())
def test_an_image_is_read_in_either_byte_order(message, little):
    image = SerializedImage.read(either_order(message, little))
    stamp = message.header.stamp
    assert image.stamp_ns == stamp.sec * 10**9 + stamp.nanosec
    assert stamp_ns_of(either_order(message, little)) == image.stamp_ns
    assert image.frame_id == message.header.frame_id
    for name in ("height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(image, name) == getattr(message, name)
    assert bytes(image.data) == message.data.tobytes()


@given(camera_infos(), st.booleans())
def test_camera_info_is_read_in_either_byte_order(message, little):
    info = SerializedCameraInfo.read(either_order(message, little))
    assert (info.height, info.width) == (message.height, message.width)
    assert info.k == tuple(message.k)


@given(images(), st.data())
def test_an_image_that_is_cut_off_is_refused(message, data):
    whole = serialized(message)
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    # What was cut may have been padding alone.
    if len(part) < len(whole.rstrip(b"\0")):
        with pytest.raises(ConversionError, match=r"cut off|begins with"):
            SerializedImage.read(part)


@given(images(), st.binary(min_size=4, max_size=40))
def test_an_image_that_is_longer_than_its_fields_is_refused(message, surplus):
    with pytest.raises(ConversionError, match="longer than its fields"):
        SerializedImage.read(serialized(message) + surplus)


@given(st.binary(max_size=120), st.sampled_from([b"", b"\0\0\0\0", b"\0\1\0\0"]))
def test_bytes_that_are_no_message_are_refused_or_read(rubbish, beginning):
    for read in (SerializedImage.read, SerializedCameraInfo.read, stamp_ns_of):
        with suppress(ConversionError):
            read(beginning + rubbish)


def test_a_message_of_another_encapsulation_is_refused():
    with pytest.raises(ConversionError, match="begins with 0007; expected 0000 or 0001"):
        stamp_ns_of(b"\0\7" + bytes(20))


def test_the_pixels_are_the_message_s_own_memory():
    pixels = np.arange(60, dtype=np.uint8)
    message = T["sensor_msgs/msg/Image"](header((1, 2), "optical"), 4, 5, "rgb8", 0, 15, pixels)
    whole = serialized(message)
    data = np.frombuffer(SerializedImage.read(whole).data, np.uint8)
    assert np.shares_memory(data, np.frombuffer(whole, np.uint8))


def test_what_rclpy_serializes_is_read():
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    from rclpy.serialization import serialize_message
    from std_msgs.msg import Header

    from damage_perception.frame import CameraModel
    from damage_perception.ros.messages import camera_info_message, image_message, stamp_of

    for width in range(1, 9):
        stamped = Header(stamp=stamp_of(10**9 + 7), frame_id="optical"[:width])
        pixels = np.arange(3 * width * 3, dtype=np.uint8).reshape(3, width, 3)
        image = SerializedImage.read(serialize_message(image_message(pixels, stamped)))
        assert (image.stamp_ns, image.frame_id) == (10**9 + 7, stamped.frame_id)
        assert (image.height, image.width, image.encoding) == (3, width, "rgb8")
        assert bytes(image.data) == pixels.tobytes()
        model = CameraModel(width, 3, 50.0, 51.0, 1.5, 1.0)
        info = serialize_message(camera_info_message(model, stamped))
        assert read_camera_info(SerializedCameraInfo.read(info)) == model
