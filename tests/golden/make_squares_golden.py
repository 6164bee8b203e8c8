#!/usr/bin/env python3
"""Prints the table of tests/datasets/square_test.cpp: squares as Pillow cuts and resizes them, and as
ADM's center_crop_arr (github.com/openai/guided-diffusion, image_datasets.py) does. Needs numpy, Pillow."""
import hashlib

import numpy as np
from PIL import Image


def patterned(width, height):
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    values = x * 7 + y * 13 + c * 29 + (x * y) % 17 * 11 + ((x // 3 + y // 2) % 2) * 90
    return Image.fromarray((values % 256).astype(np.uint8))


def center_crop_arr(image, size):
    while min(*image.size) >= 2 * size:
        image = image.resize(tuple(x // 2 for x in image.size), resample=Image.BOX)
    scale = size / min(*image.size)
    image = image.resize(tuple(round(x * scale) for x in image.size), resample=Image.BICUBIC)
    pixels = np.array(image)
    top, left = (pixels.shape[0] - size) // 2, (pixels.shape[1] - size) // 2
    return pixels[top : top + size, left : left + size]


def centred(image, side):
    left, top = (image.size[0] - side) // 2, (image.size[1] - side) // 2
    return image.crop((left, top, left + side, top + side))


def line(image, size, crop, resize, pixels):
    planes = np.ascontiguousarray(np.asarray(pixels).transpose(2, 0, 1))
    digits = hashlib.sha256(planes.tobytes()).hexdigest()[:12]
    width, height = image.size
    print(f'    {{{width}, {height}, {size}, "{crop}", "{resize}", "{digits}"}},')


for width, height in ((37, 53), (150, 101)):
    for size in (8, 16, 64):
        image = patterned(width, height)
        side = min(width, height)
        square = centred(image, side)
        left = (width - side) // 2
        top = image.crop((left, 0, left + side, side))
        line(image, size, "centre", "bilinear", square.resize((size, size), Image.BILINEAR))
        line(image, size, "centre", "bicubic", square.resize((size, size), Image.BICUBIC))
        line(image, size, "centre", "lanczos", square.resize((size, size), Image.LANCZOS))
        line(image, size, "stretch", "bicubic", image.resize((size, size), Image.BICUBIC))
        line(image, size, "top", "lanczos", top.resize((size, size), Image.LANCZOS))
        line(image, size, "adm", "bicubic", center_crop_arr(image, size))
for side in (108, 140, 148):
    image = patterned(178, 218)
    line(image, 64, f"centre_{side}", "bilinear", centred(image, side).resize((64, 64), Image.BILINEAR))
