"""Codes are read at an angle and in noise, name their product, and are new once for each item."""

import sys

import numpy as np
import pytest

from damage_perception.barcodes import (
    FORMATS,
    CodeWatch,
    NoReaderError,
    is_sku,
    product_of,
    read_codes,
)

SECOND = 1_000_000_000
ANGLED = [(180, 120), (470, 90), (490, 330), (160, 300)]
UPSIDE_DOWN = [(470, 330), (170, 330), (170, 110), (470, 110)]


@pytest.fixture
def codes():
    """The module that draws codes."""
    pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed")
    import drawn_codes

    return drawn_codes


@pytest.mark.parametrize("corners", [ANGLED, UPSIDE_DOWN], ids=["angled", "upside down"])
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "UPCE"])
def test_a_code_is_read_at_an_angle_and_in_noise(codes, name, corners):
    image = codes.placed(codes.drawn(name, codes.TEXTS[name]), corners)
    (code,) = read_codes(image)
    assert code.sku == codes.TEXTS[name]
    # A UPC-A is an EAN-13 that begins with a zero.
    assert code.format == ("EAN13" if name == "UPCA" else name)
    found, true = np.mean(code.corners, axis=0), np.mean(corners, axis=0)
    assert np.abs(found - true).max() < 25


def test_all_codes_of_an_image_are_read_and_other_formats_are_not(codes):
    left, right = [(20, 20), (300, 20), (300, 200), (20, 200)], [(400, 220), (600, 220)]
    image = codes.placed(codes.drawn("EAN13", codes.TEXTS["EAN13"]), left, noise=0)
    right += [(600, 420), (400, 420)]
    image = codes.placed(codes.drawn("QRCode", "QR-1"), right, ground=image[..., 0])
    assert {code.text for code in read_codes(image)} == {codes.TEXTS["EAN13"], "QR-1"}
    assert [code.text for code in read_codes(image, ["QRCode"])] == ["QR-1"]


def test_nothing_is_read_where_there_is_no_code(codes):
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    assert read_codes(noise) == []
    assert read_codes(np.zeros((1, 1), np.uint8)) == []


def test_a_code_with_a_serial_number_names_the_product_alone(codes):
    first, second = (
        codes.drawn("DataMatrix", f"(01)04006381333931(21)S{number}", scale=6, gs1=True)
        for number in (1, 2)
    )
    read = [read_codes(codes.placed(picture, ANGLED))[0] for picture in (first, second)]
    assert read[0].text != read[1].text
    assert {code.sku for code in read} == {"4006381333931"}


@pytest.mark.parametrize(
    ("text", "product"),
    [
        ("4006381333931", "4006381333931"),
        ("0012345678905", "012345678905"),
        ("012345678905", "012345678905"),
        ("(01)00000096385074(10)B7", "96385074"),
        ("(01)14006381333938(17)300101", "14006381333938"),
        ("ABC-123", "ABC-123"),
        ("(21)S1", "(21)S1"),
    ],
)
def test_a_product_has_one_name_whichever_code_it_stands_in(text, product):
    assert product_of(text) == product


@pytest.mark.parametrize("text", ["", "https://example.com/a", "line\n", "x" * 129, " a"])
def test_what_cannot_name_a_product_is_told(text):
    assert not is_sku(text)


def test_without_the_reader_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    with pytest.raises(NoReaderError, match="pip install zxing-cpp"):
        read_codes(np.zeros((10, 10), np.uint8), ["EAN8"])


class Images:
    """Images of cameras, a tenth of a second apart."""

    def __init__(self, gone_after_s=1.0):
        self.watch = CodeWatch(round(gone_after_s * SECOND))
        self.time_ns = 100 * SECOND

    def show(self, *codes, camera="front", images=1):
        """What is new in so many images that show ``codes``."""
        new = []
        for _ in range(images):
            self.time_ns += SECOND // 10
            new += self.watch.look(camera, codes, self.time_ns, self.time_ns)
        return [text for text, _ in new]


def test_an_item_that_rests_is_new_once():
    images = Images()
    assert images.show("a", images=50) == ["a"]


def test_a_code_that_cannot_be_read_for_a_while_is_not_new_when_it_can():
    images = Images()
    assert images.show("a") == ["a"]
    assert images.show(images=10) == []
    assert images.show("a") == []


def test_a_code_that_was_gone_is_of_a_new_item():
    images = Images()
    images.show("a")
    images.show(images=11)
    assert images.show("a") == ["a"]


def test_the_next_item_is_new_at_once_where_its_code_is_another():
    images = Images()
    assert images.show("a", images=3) + images.show("b", images=3) == ["a", "b"]
    assert images.show("a", "b", "b") == []


def test_what_one_camera_has_is_not_new_to_another():
    images = Images()
    assert images.show("a") == ["a"]
    assert images.show("a", camera="side") == []
    images.show(images=20)
    assert images.show("a") == [], "the side camera has it still"
    images.show(images=20, camera="side")
    images.show(images=20)
    assert images.show("a", camera="side") == ["a"]


def test_a_silent_camera_says_nothing_of_what_is_gone():
    images = Images()
    images.show("a")
    images.time_ns += 60 * SECOND
    assert images.show("a") == []


def test_stamps_that_jump_back_make_nothing_new():
    images = Images()
    images.show("a")
    images.show(images=5)
    images.time_ns -= 50 * SECOND
    assert images.show(images=9) + images.show("a") == []
    images.show(images=12)
    assert images.show("a") == ["a"]


def test_an_item_may_be_there_since_the_image_before():
    watch = CodeWatch(SECOND)
    assert watch.look("front", ["a"], 5 * SECOND, 0) == [("a", 5 * SECOND)]
    assert watch.look("front", ["a", "b"], 6 * SECOND, 0) == [("b", 5 * SECOND)]
    assert watch.look("front", ["c"], 2 * SECOND, 0) == [("c", 2 * SECOND)], "of another time"


def test_a_scanner_that_repeats_itself_names_one_item():
    watch = CodeWatch(SECOND)
    assert [watch.scan("a", n * SECOND // 2) for n in range(5)] == [True] + [False] * 4
    assert watch.scan("b", 3 * SECOND)
    assert watch.scan("a", 4 * SECOND)


def test_what_was_scanned_is_not_new_to_a_camera_nor_the_other_way_round():
    watch = CodeWatch(SECOND)
    assert watch.scan("a", 0)
    assert watch.look("front", ["a", "b"], 0, SECOND // 2) == [("b", 0)]
    assert not watch.scan("b", 9 * SECOND)
