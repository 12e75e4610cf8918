"""What a gallery keeps of a view and an embedding comes back as it was, within what is said."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_references import embedding, view

from damage_perception.gallery.reference import GalleryError
from damage_perception.gallery.store.codec import (
    decode_embedding,
    decode_view,
    encode_embedding,
    encode_view,
)
from damage_perception.network.contract import LOOK_CHANNELS
from damage_perception.view import UNKNOWN_HEIGHT_M


def test_a_view_comes_back():
    given_view = view()
    back = decode_view(encode_view(given_view), "a")
    assert np.abs(back.color.astype(int) - given_view.color).mean() < 2
    np.testing.assert_array_equal(back.item, given_view.item)
    unknown = given_view.height_m == UNKNOWN_HEIGHT_M
    np.testing.assert_array_equal(back.height_m == UNKNOWN_HEIGHT_M, unknown)
    assert np.abs(back.height_m - given_view.height_m)[~unknown].max() < 0.6e-4
    assert back.height_m.dtype == np.float32
    assert back.width_m == given_view.width_m
    assert back.window.side == len(back.color)


def test_red_stays_red():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    back = decode_view(encode_view(replace(view(side=32), color=red)), "a")
    assert back.color[..., 0].mean() > 190
    assert back.color[..., 2].mean() < 10


def test_a_view_without_any_height_comes_back():
    flat = replace(view(), height_m=np.full((48, 48), UNKNOWN_HEIGHT_M, np.float32))
    assert (decode_view(encode_view(flat), "a").height_m == UNKNOWN_HEIGHT_M).all()


@given(st.floats(-0.999, 5.5))
def test_every_height_is_kept_to_a_tenth_of_a_millimetre(height_m):
    one = replace(view(side=8), height_m=np.full((8, 8), height_m, np.float32))
    assert np.abs(decode_view(encode_view(one), "a").height_m - height_m).max() < 0.6e-4


@given(st.floats(-9, -1.001) | st.floats(5.6, 100))
def test_a_height_out_of_range_stays_known(height_m):
    one = replace(view(side=8), height_m=np.full((8, 8), height_m, np.float32))
    assert (decode_view(encode_view(one), "a").height_m > -1.1).all()


@pytest.mark.parametrize("copies", [0, 3])
@pytest.mark.parametrize("cells", [0, 1, 400])
def test_an_embedding_comes_back(cells, copies):
    turned = np.random.default_rng(1).normal(size=(copies, LOOK_CHANNELS)).astype(np.float32)
    given_embedding = replace(embedding(cells=cells, channels=128), turned=turned)
    back = decode_embedding(encode_embedding(given_embedding))
    np.testing.assert_allclose(back.turned, turned, rtol=1e-3, atol=1e-6)
    assert back.turned.shape == (copies, LOOK_CHANNELS)
    np.testing.assert_allclose(back.cells, given_embedding.cells, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(back.where, given_embedding.where)
    np.testing.assert_array_equal(back.descriptor, given_embedding.descriptor)
    assert back.cells.dtype == np.float32
    assert back.cells.shape == (cells, 128)


@pytest.mark.parametrize("field", ["color", "height", "item"])
@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_spoilt_picture_is_named(field, data):
    with pytest.raises(GalleryError, match=f"reference 7: {field} is no picture"):
        decode_view(replace(encode_view(view()), **{field: data}), "reference 7")


def test_pictures_of_other_sizes_are_refused():
    encoded = replace(encode_view(view()), item=encode_view(view(side=20)).item)
    with pytest.raises(GalleryError, match="not pictures of one square"):
        decode_view(encoded, "a")


def test_a_height_of_8_bits_is_refused():
    flat = cv2.imencode(".png", np.zeros((48, 48), np.uint8))[1].tobytes()
    with pytest.raises(GalleryError, match="height is uint8; expected a 16-bit PNG"):
        decode_view(replace(encode_view(view()), height=flat), "a")
