"""Writes the PNGs that tests/datasets checks decode_image() with, and what Pillow makes of them.

    make_png_golden.py OUTPUT_FILE

One line each, split by tabs: name, width, height, the PNG, the pixels of Image.open(file).convert("RGB"), both in hexadecimal.
The PNGs are put together here, chunk by chunk, so that every colour type, depth and kind of transparency is among them, also
those that no common program writes. Left out is grey of 16 bits without alpha: Pillow clips it at 255, we do not.
"""

import io
import pathlib
import struct
import sys
import warnings
import zlib

import numpy as np
from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x, y, steps


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def scanlines(values, depth):
    """uint16 [H, W, C] as rows of filter 0, values packed from the left."""
    rows = b""
    for row in values.reshape(values.shape[0], -1):
        bits = "".join(format(value, f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows += b"\0" + bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return rows


def make_png(values, depth, colour, interlaced=False, extra=()):
    height, width, _ = values.shape
    passes = [values]
    if interlaced:
        passes = [values[y::dy, x::dx] for x, y, dx, dy in ADAM7]
    data = b"".join(scanlines(part, depth) for part in passes if part.size)
    png = b"\x89PNG\r\n\x1a\n"
    png += chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    png += b"".join(chunk(kind, content) for kind, content in extra)
    return png + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def main():
    random = np.random.default_rng(7)

    def values(depth, colour, size=(4, 5), top=None):
        return random.integers(0, top or 2**depth, (*size, CHANNELS[colour]))

    def palette(entries):
        return (b"PLTE", random.integers(0, 256, 3 * entries, dtype=np.uint8).tobytes())

    pngs = {}
    for depth in (1, 2, 4, 8):
        pngs[f"grey {depth}"] = make_png(values(depth, GREY), depth, GREY)
        entries = min(2**depth, 20)
        pngs[f"palette {depth}"] = make_png(values(depth, PALETTE, top=entries), depth, PALETTE, extra=[palette(entries)])
        alphas = (b"tRNS", bytes(255 * i // (entries - 1) for i in range(entries)))
        pngs[f"palette {depth}, each entry with alpha"] = make_png(
            values(depth, PALETTE, top=entries), depth, PALETTE, extra=[palette(entries), alphas]
        )
        pixels = values(depth, GREY)
        clear = (b"tRNS", struct.pack(">H", pixels[0, 0, 0]))
        pngs[f"grey {depth}, one level clear"] = make_png(pixels, depth, GREY, extra=[clear])
    pngs["palette 8, one entry clear"] = make_png(
        values(8, PALETTE, top=3), 8, PALETTE, extra=[palette(3), (b"tRNS", b"\xff\x00")]
    )
    for depth in (8, 16):
        for name, colour in (("grey alpha", GREY_ALPHA), ("rgb", RGB), ("rgba", RGBA)):
            pngs[f"{name} {depth}"] = make_png(values(depth, colour), depth, colour)
        pixels = values(depth, RGB)
        clear = (b"tRNS", struct.pack(">3H", *pixels[0, 0]))
        pngs[f"rgb {depth}, one colour clear"] = make_png(pixels, depth, RGB, extra=[clear])
    for name, depth, colour in (("grey 2", 2, GREY), ("rgb 8", 8, RGB), ("rgba 16", 16, RGBA)):
        pngs[f"{name}, interlaced"] = make_png(values(depth, colour, (9, 9)), depth, colour, interlaced=True)
    for name, kind, content in (
        ("gamma", b"gAMA", struct.pack(">I", 100000)),
        ("significant bits", b"sBIT", b"\5\6\5"),
        ("background", b"bKGD", struct.pack(">3H", 1, 2, 3)),
    ):
        pngs[f"rgb 8, {name}"] = make_png(values(8, RGB), 8, RGB, extra=[(kind, content)])

    lines = []
    for name, png in pngs.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of palettes whose entries have alpha
            pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
        height, width, _ = pixels.shape
        lines.append(f"{name}\t{width}\t{height}\t{png.hex()}\t{pixels.tobytes().hex()}\n")
    pathlib.Path(sys.argv[1]).write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
