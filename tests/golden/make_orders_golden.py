"""Prints the orders that tests/orders checks our policies against, as grids of steps and as digests.

    make_orders_golden.py FOLDER

Everything here is computed by code that is not ours: FOLDER holds clones of CompVis/taming-transformers,
jakubcerveny/gilbert, valeoai/Halton-MaskGIT, idiap/sigma-gpt and mit-han-lab/lpd, each under its own name. Tests repeat
the grids, which can be checked by eye, and the digests (FNV-1a, tests/orders/steps_of.h) of every size the reference
has.
"""

import ast
import importlib.util
import json
import pathlib
import random
import sys

import numpy as np
import torch


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_halton(path):
    """The static method alone: its module imports the whole project."""
    tree = ast.parse(path.read_text())
    method = next(n for n in ast.walk(tree) if getattr(n, "name", "") == "build_halton_mask")
    method.decorator_list = []
    names = {"np": np, "torch": torch}
    exec(compile(ast.Module([method], []), str(path), "exec"), names)
    return names["build_halton_mask"]


def digest(orders):
    value = 0xCBF29CE484222325
    for order in orders:
        for p in order:
            value = ((value ^ int(p)) * 0x100000001B3) % 2**64
    return f"{value:#x}"


def show(name, order, rows, cols):
    steps = np.argsort(np.asarray(order)).reshape(rows, cols)
    print(f"{name} {rows}x{cols}\n{steps}")


def lpd_statistics(order, sizes, side):
    """Distance to the nearest member of the same group, known direct neighbours, and the jump; means of one order."""
    cells = [divmod(int(p), side) for p in order]
    known, nearest, support, placed = set(), [], [], 0
    for g, size in enumerate(sizes):
        group = cells[placed : placed + size]
        for i, a in enumerate(group):
            if size > 1:
                nearest.append(min(np.hypot(a[0] - b[0], a[1] - b[1]) for j, b in enumerate(group) if j != i))
            if g > 0:
                support.append(sum((a[0] + r, a[1] + c) in known for r, c in ((0, 1), (1, 0), (0, -1), (-1, 0))))
        known |= set(group)
        placed += size
    jump = np.mean([np.hypot(a[0] - b[0], a[1] - b[1]) for a, b in zip(cells, cells[1:])])
    return np.mean(nearest), np.mean(support), jump


def main(folder):
    permuter = load(folder / "taming-transformers/taming/modules/transformer/permuter.py")
    gilbert = load(folder / "gilbert/gilbert2d.py")
    fractal = load(folder / "sigma-gpt/text/order.py").fractal_order
    halton = load_halton(folder / "Halton-MaskGIT/Sampler/halton_sampler.py")
    lpd = load(folder / "lpd/orders/lpd_order.py")
    lpd_sizes = json.loads((folder / "lpd/orders/group_sizes_lookup.json").read_text())

    def taming(kind):
        return lambda rows, cols: getattr(permuter, kind)(rows, cols).forward_shuffle_idx.tolist()

    def squares(sides):
        return [(side, side) for side in sides]

    all_grids = [(rows, cols) for rows in range(1, 25) for cols in range(1, 17)]
    references = {
        "alternate": (taming("AlternateParsing"), all_grids, (3, 4)),
        "z_curve": (taming("ZCurve"), all_grids, (4, 4)),
        "subsample": (taming("Subsample"), squares((1, 2, 4, 8, 16, 32)), (4, 4)),
        "spiral_in": (taming("SpiralIn"), squares(range(2, 33, 2)), (4, 4)),
        "spiral_out": (taming("SpiralOut"), squares(range(2, 33, 2)), (4, 4)),
        "hilbert": (
            lambda rows, cols: [y * cols + x for x, y in gilbert.gilbert2d(cols, rows)],
            all_grids,
            (4, 6),
        ),
        "fractal": (lambda rows, cols: fractal(rows * cols), all_grids, (3, 5)),
        "halton": (
            lambda rows, cols: [row * cols + col for row, col in halton(rows).tolist()],
            squares(range(2, 33)),
            (4, 4),
        ),
    }
    for name, (order, grids, shown) in references.items():
        show(name, order(*shown), *shown)
        print("digest", digest(order(*grid) for grid in grids), "of", len(grids), "grids\n")

    random.seed(1)
    np.random.seed(1)
    for steps in (12, 20):
        print("lpd", steps, lpd_sizes["256 resolution"][f"{steps} steps"])
    print("lpd 48", lpd_sizes["512 resolution"]["48 steps"])
    sizes = lpd_sizes["256 resolution"]["20 steps"]
    found = np.array([lpd_statistics(lpd.lpd_order_schedule(sizes, 16, 1, 2), sizes, 16) for _ in range(500)])
    print("lpd 16x16, 20 groups, 500 orders: mean", found.mean(0), "standard deviation", found.std(0, ddof=1))


main(pathlib.Path(sys.argv[1]))
