"""Draws the weekly summary as a PNG with the standard library alone: bars, a few capitals and digits.

A drawing library would be the largest part of a gateway on a small server, for one picture a week.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 760, 420
SCALE = 2
"""Pixels a dot of a letter."""

Color = tuple[int, int, int]
_WHITE, _INK, _GRID, _BAR = (255, 255, 255), (51, 51, 51), (225, 225, 225), (74, 124, 160)
_LEVEL_COLORS: Mapping[int, Color] = {3: (200, 60, 50), 2: (226, 140, 40), 1: (74, 124, 160)}

# Five columns a letter, the lowest bit is the top dot. Source: the common 5x7 character-display font.
_FONT: Mapping[str, str] = {
    "0": "3e5149453e", "1": "00427f4000", "2": "4261514946", "3": "2141454b31", "4": "1814127f10",
    "5": "2745454539", "6": "3c4a494930", "7": "0171090503", "8": "3649494936", "9": "064949291e",
    "A": "7e1111117e", "B": "7f49494936", "C": "3e41414122", "D": "7f4141221c", "E": "7f49494941",
    "F": "7f09090901", "G": "3e4149497a", "H": "7f0808087f", "I": "00417f4100", "J": "2040413f01",
    "K": "7f08142241", "L": "7f40404040", "M": "7f020c027f", "N": "7f0408107f", "O": "3e4141413e",
    "P": "7f09090906", "Q": "3e4151215e", "R": "7f09192946", "S": "4649494931", "T": "01017f0101",
    "U": "3f4040403f", "V": "1f2040201f", "W": "3f4038403f", "X": "6314081463", "Y": "0708700807",
    "Z": "6151494543", ".": "0060600000", ",": "0050300000", ":": "0036360000", "-": "0808080808",
    "(": "001c224100", ")": "0041221c00", "/": "2010080402", "%": "2313086462",
}  # fmt: skip


class Canvas:
    """A white picture to draw rectangles and letters on."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rows = [bytearray(_WHITE * width) for _ in range(height)]

    def rectangle(self, left: int, top: int, width: int, height: int, color: Color) -> None:
        """Fill a rectangle; what lies outside the picture is left out."""
        begin, end = max(left, 0), min(left + width, self.width)
        if end <= begin:
            return
        for y in range(max(top, 0), min(top + height, self.height)):
            self._rows[y][begin * 3 : end * 3] = bytes(color) * (end - begin)

    def text(self, left: int, top: int, text: str, color: Color = _INK, scale: int = SCALE) -> None:
        """Write capitals and digits; other letters are left blank."""
        for number, letter in enumerate(text.upper()):
            columns = bytes.fromhex(_FONT.get(letter, "0000000000"))
            for column, bits in enumerate(columns):
                for row in range(7):
                    if bits >> row & 1:
                        x = left + (number * 6 + column) * scale
                        self.rectangle(x, top + row * scale, scale, scale, color)

    def png(self) -> bytes:
        """Return the picture as a PNG file."""
        raw = b"".join(b"\x00" + bytes(row) for row in self._rows)
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b"")]
        chunks = (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in parts
        )
        return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def text_width(text: str, scale: int = SCALE) -> int:
    """Return the width in pixels, without the gap after the last letter."""
    return max(len(text) * 6 - 1, 0) * scale


def draw_summary(hours: Sequence[int], medians: Mapping[int, float], *, title: str, legend: str) -> bytes:
    """Return a PNG: cases by hour as bars, and below them each level's median minutes until taken.

    Args:
        hours: 24 numbers.
        medians: Level → minutes.
    """
    canvas = Canvas(WIDTH, HEIGHT)
    canvas.text(30, 20, title)
    _draw_hours(canvas, hours, left=50, top=60, width=WIDTH - 80, height=170)
    canvas.text(30, 285, legend)
    _draw_medians(canvas, medians, left=50, top=315, width=WIDTH - 200)
    return canvas.png()


def _draw_hours(canvas: Canvas, hours: Sequence[int], *, left: int, top: int, width: int, height: int) -> None:
    most = max([*hours, 1])
    step = max(-(-most // 4), 1)
    for value in range(0, most + 1, step):
        y = top + height - round(height * value / most)
        canvas.rectangle(left, y, width, 1, _GRID)
        canvas.text(left - 8 - text_width(str(value), 1), y - 3, str(value), scale=1)
    slot = width / 24
    for hour, count in enumerate(hours):
        x = left + round(slot * hour)
        tall = round(height * count / most)
        canvas.rectangle(x + 3, top + height - tall, round(slot) - 6, tall, _BAR)
        label = f"{hour:02d}"
        canvas.text(x + (round(slot) - text_width(label, 1)) // 2, top + height + 8, label, scale=1)
    canvas.rectangle(left, top + height, width, 2, _INK)


def _draw_medians(canvas: Canvas, medians: Mapping[int, float], *, left: int, top: int, width: int) -> None:
    longest = max([*medians.values(), 1.0])
    for number, level in enumerate(sorted(medians, reverse=True)):
        y = top + number * 32
        canvas.text(left - 20, y + 4, str(level), scale=SCALE)
        long = max(round(width * medians[level] / longest), 2)
        canvas.rectangle(left, y, long, 22, _LEVEL_COLORS.get(level, _BAR))
        canvas.text(left + long + 10, y + 4, f"{medians[level]:.1f}")
