#!/usr/bin/env python3
"""Draws the figures of a report.

Reads figures.json, which `oar-bench report` writes: what each figure shows, all numbers computed. Writes <id>.png (150 dots
an inch), <id>.svg and <id>.pdf beside it, or <id>.gif. Needs matplotlib, and what comes with it. A figure that cannot be
drawn is named and left out; the others are drawn. reports/README.md describes the kinds of figures.
"""

import argparse
import json
import logging
import multiprocessing
import os
import pathlib
import re
import sys
import warnings

sys.dont_write_bytecode = True  # the folder of this script may be read-only, or under version control
logging.disable(logging.WARNING)  # standard error is for what a reader of the report should know
try:
    import matplotlib
except ImportError:
    sys.exit(f"{sys.executable} has no matplotlib")
matplotlib.use("Agg")

from matplotlib.animation import PillowWriter  # noqa: E402  (the backend comes first)
from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import plot_charts  # noqa: E402
import plot_history  # noqa: E402
import plot_pictures  # noqa: E402
from plot_style import Skip, clean, set_up  # noqa: E402

STILL = {"dots": plot_charts.dots, "lines": plot_charts.lines, "histograms": plot_charts.histograms,
         "maps": plot_charts.maps, "history": plot_history.history, "images": plot_pictures.images, "paths": plot_pictures.paths}
MOVING = {"animation": plot_pictures.animation}
# Bytes depend on the figure alone.
METADATA = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
DOTS_PER_INCH = 150
FRAMES_PER_SECOND = 8
WORKERS = 2


class OnePalette(PillowWriter):
    """A GIF whose frames share their colours: a palette for each would take most of the time, and flicker."""

    def finish(self):
        frames = [frame.convert("RGB") for frame in self._frames]
        width, height = frames[0].size
        colours = Image.new("RGB", (width, height + 12))  # the finished images, and a little of what covers them
        colours.paste(frames[-1], (0, 0))
        colours.paste(frames[len(frames) // 2].resize((width, 12), Image.Resampling.NEAREST), (0, height))
        palette = colours.quantize(256, kmeans=1)
        last = np.asarray(frames[-1])
        dithered = np.asarray(frames[-1].quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG))
        shown = []
        for frame in frames:  # what is uncovered looks as it will in the end: dots that moved would flicker
            nearest = np.asarray(frame.quantize(palette=palette, dither=Image.Dither.NONE))
            uncovered = (np.asarray(frame) == last).all(axis=-1)
            shown.append(Image.fromarray(np.where(uncovered, dithered, nearest).astype(np.uint8), "P"))
            shown[-1].putpalette(palette.getpalette())
        shown[0].save(self.outfile, save_all=True, append_images=shown[1:], duration=round(1000 / self.fps), loop=0)


def write(path, save):
    """Whole or not at all."""
    temporary = path.with_name(f".{path.stem}.tmp.{os.getpid()}{path.suffix}")
    try:
        save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def draw(spec, images, out):
    drawing, name = spec["drawing"], spec["id"]
    kind = drawing["kind"]
    if kind in STILL:
        figure = STILL[kind](drawing, images)
        for ending, metadata in METADATA.items():
            write(out / f"{name}.{ending}",
                  lambda path: figure.savefig(path, dpi=DOTS_PER_INCH, metadata=metadata))
    elif kind in MOVING:
        figure, show = MOVING[kind](drawing, images)
        FigureCanvasAgg(figure)

        def save(path):
            writer = OnePalette(fps=FRAMES_PER_SECOND)
            with writer.saving(figure, str(path), 100):
                for frame in drawing["frames"]:
                    show(frame)
                    writer.grab_frame()

        write(out / f"{name}.gif", save)
    else:
        raise Skip(f"no figure is of the kind {kind!r}")


def try_to_draw(work):
    """What to tell the user of this figure; nothing if it was drawn."""
    spec, images, out = work
    name = spec.get("id") if isinstance(spec, dict) else None
    if not isinstance(name, str) or not re.fullmatch("[a-z0-9_]+", name):
        return "a figure without a usable id is left out"
    try:
        draw(spec, images, out)
        return None
    except Skip as reason:
        return clean(f"{name} is left out: {reason}")
    except OSError:
        raise
    except Exception as error:  # a broken specification spoils its own figure only
        return clean(f"{name} is left out: {type(error).__name__}: {error}")


def main():
    parser = argparse.ArgumentParser(description="Draws the figures of a report.")
    parser.add_argument("figures", type=pathlib.Path, help="figures.json")
    parser.add_argument("--images", type=pathlib.Path, help="folder that paths of images start from; default: two up")
    parser.add_argument("--only", nargs="+", metavar="ID", help="figures to draw; default: all")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the pictures; default: that of figures.json")
    arguments = parser.parse_args()
    try:
        specs = json.loads(arguments.figures.read_text(encoding="utf-8"))["figures"]
        specs = specs if isinstance(specs, list) else []
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(clean(f"{arguments.figures}: cannot be read as figures: {error}"), file=sys.stderr)
        return 2
    if arguments.only is not None:
        specs = [spec for spec in specs if isinstance(spec, dict) and spec.get("id") in arguments.only]
    set_up()
    warnings.simplefilter("ignore")  # a font without a sign of a name draws a box for it
    out = arguments.out or arguments.figures.parent
    out.mkdir(parents=True, exist_ok=True)
    images = arguments.images or arguments.figures.parent.parent
    # The longest first, so that no worker ends long after the other.
    specs = sorted(specs, key=lambda spec: -len(json.dumps(spec)))
    specs.sort(key=lambda spec: not (isinstance(spec, dict) and spec.get("animated")))
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        for message in pool.imap(try_to_draw, [(spec, images, out) for spec in specs]):
            if message:
                print(message, file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(clean(f"plot_results.py: {error}"))
