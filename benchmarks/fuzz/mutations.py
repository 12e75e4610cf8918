"""Messages that are wrong: real ones spoilt byte by byte, and ones filled with anything."""

from __future__ import annotations

import importlib
import random
import re
import struct
from collections.abc import Sequence
from typing import Any, Final

from sensor_msgs.msg import CompressedImage, Image

# A message begins with four bytes that say how it is written; the stamp follows.
ENCAPSULATION: Final = 4
AFTER_STAMP: Final = 12
# Lengths, sizes and encodings of an image stand before its pixels.
_HEAD: Final = 120
_WORDS: Final = (0, 1, 2, 255, 2**16, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1)
_ENCODINGS: Final = ("rgb8", "bgr8", "mono8", "mono16", "16UC1", "32FC1", "rgba8", "8UC3", "64FC4")
_ENCODINGS_2: Final = ("yuv422_yuy2", "bayer_rggb8", "", "RGB8", "32FC1\n", "nv12")
_FORMATS: Final = ("jpeg", "png", "16UC1; compressedDepth png", "32FC1; compressedDepth png", "rvl")
# (bits, signed) of the integers of a message.
_INTEGER: Final = re.compile(r"(u?)int(8|16|32|64)")
_SEQUENCE: Final = re.compile(r"sequence<([\w/]+)(?:, (\d+))?>|([\w/]+)\[(\d+)\]")
_REALS: Final = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"))
_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "line\nline\r\n",
    "\x1b[2J\x1b]0;title\x07",
    "%s%n%x {0.__class__} ${HOME} `id`",
    "../../../../etc/passwd",
    "/",
    "'; DROP TABLE items; --",
    "<script>alert(1)</script>",
    "\u202egnirts\u200b",
    "\U0001f4e6" * 3,
    "e\u0301" * 20,
    "\uffff\ufffe",
    "nan",
)
LONGEST_TEXT: Final = 20_000


class Mutations:
    """Wrong messages, the same ones for the same ``seed``.

    words  texts that mean something to the node; some of all texts are one of them
    """

    def __init__(self, seed: int, words: Sequence[str] = ()) -> None:
        self.random = random.Random(seed)
        self._words = tuple(words)

    def spoilt(self, message: bytes, begin: int = 0) -> bytes:
        """A serialized message with one to three things wrong; never empty.

        begin  bytes before it stay as they are
        """
        octets = bytearray(message)
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            change = self.random.choice(
                (self._flip, self._flip_head, self._cut, self._extend, self._word, self._move)
            )
            change(octets, begin)
        # An empty message stops the reliable publisher that sends it, and is nobody else's.
        return bytes(octets) or b"\x00"

    def headless(self, message: bytes) -> bytes:
        """A serialized message of which not even the stamp can be read; never empty."""
        if self.random.random() < 0.5:
            # The middleware fills a message up to a multiple of four bytes.
            return message[: self.random.randrange(1, AFTER_STAMP - 3)]
        return bytes((0xFF, self.random.randrange(256))) + message[2:]

    def image(self, message: Image) -> Image:
        """``message`` with one field changed to what does not go with the others."""
        pick = self.random.choice
        field = pick(("encoding", "encoding", "height", "width", "step", "is_bigendian", "data"))
        if field == "encoding":
            message.encoding = pick((*_ENCODINGS, *_ENCODINGS_2, self.text()))
        elif field == "is_bigendian":
            message.is_bigendian = pick((1, 2, 255))
        elif field == "data":
            length = pick((0, 1, len(message.data) - 1, len(message.data) // 2))
            message.data = message.data[:length]
        else:
            now = getattr(message, field)
            setattr(message, field, pick((*_WORDS, now - 1, now + 1, 2 * now, now // 2)))
        return message

    def compressed(self, message: CompressedImage) -> CompressedImage:
        """``message`` with another format, or with data that no decoder takes for what it was."""
        if self.random.random() < 0.4:
            message.format = self.random.choice((*_FORMATS, self.text()))
        else:
            message.data = self.spoilt(bytes(message.data))
        return message

    def text(self) -> str:
        """Any text: empty, long, of any letters, of control characters, or a word."""
        kind = self.random.random()
        if self._words and kind < 0.3:
            return self.random.choice(self._words)
        if kind < 0.6:
            return self.random.choice(_TEXTS)
        if kind < 0.65:
            return self.random.choice("ay\u00e4\U0001f4e6") * self.random.randrange(LONGEST_TEXT)
        length = self.random.randrange(1, 40)
        return "".join(chr(self._letter()) for _ in range(length))

    def filled(self, message: Any) -> Any:
        """``message`` with anything in every field that its type can hold."""
        for name, kind in message.get_fields_and_field_types().items():
            setattr(message, name, self._value(kind))
        return message

    def _value(self, kind: str) -> Any:
        found = _SEQUENCE.fullmatch(kind)
        if found:
            element, most, of_array, length = found.groups()
            count = int(length) if length else self.random.choice((0, 0, 1, 2, 5))
            count = min(count, int(most)) if most else count
            return [self._value(element or of_array) for _ in range(count)]
        if kind.startswith("string"):
            return self.text()
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "octet":
            return bytes((self.random.randrange(256),))
        if kind in ("float", "double"):
            return self.random.choice((*_REALS, self.random.uniform(-100, 100)))
        number = _INTEGER.fullmatch(kind)
        if number:
            return self._integer(int(number[2]), not number[1])
        package, name = kind.split("/")
        return self.filled(getattr(importlib.import_module(f"{package}.msg"), name)())

    def _integer(self, bits: int, signed: bool) -> int:
        half = 1 << (bits - 1)
        low, high = (-half, half - 1) if signed else (0, 2 * half - 1)
        usual: list[int] = [value for value in (-1, 0, 1, 2, 3, 9, 10**9) if low <= value <= high]
        return self.random.choice((low, high, *usual, self.random.randint(low, high)))

    def _letter(self) -> int:
        # Without surrogates, which no text of a message can hold.
        letter = self.random.choice((128, 0x800, 0xD800))
        return self.random.randrange(1, letter)

    def _flip(self, octets: bytearray, begin: int) -> None:
        for _ in range(self.random.randrange(1, 9)):
            if len(octets) > begin:
                octets[self.random.randrange(begin, len(octets))] ^= self.random.randrange(1, 256)

    def _flip_head(self, octets: bytearray, begin: int) -> None:
        end = min(len(octets), _HEAD)
        if end > begin:
            octets[self.random.randrange(begin, end)] ^= 1 << self.random.randrange(8)

    def _cut(self, octets: bytearray, begin: int) -> None:
        longest = self.random.choice((len(octets), _HEAD))
        del octets[self.random.randrange(begin, max(begin + 1, longest)) :]

    def _extend(self, octets: bytearray, begin: int) -> None:
        octets += self.random.randbytes(self.random.choice((1, 3, 4, 5, 64, 5000)))

    def _word(self, octets: bytearray, begin: int) -> None:
        """Another number where a length or a size may stand."""
        first = ENCAPSULATION + -(-max(0, begin - ENCAPSULATION) // 4) * 4
        last = min(len(octets), _HEAD) - 4
        if last >= first:
            at = self.random.randrange(first, last + 1, 4)
            octets[at : at + 4] = struct.pack("<I", self.random.choice(_WORDS))

    def _move(self, octets: bytearray, begin: int) -> None:
        """A piece taken out, or put in once more."""
        if len(octets) <= begin + 1:
            return
        at = self.random.randrange(begin, len(octets))
        piece = octets[at : at + self.random.randrange(1, 64)]
        if self.random.random() < 0.5:
            del octets[at : at + len(piece)]
        else:
            octets[at:at] = piece
