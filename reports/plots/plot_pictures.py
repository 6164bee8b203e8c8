"""Images, orders drawn over them, and how they come to be."""

import pathlib

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from PIL import Image

from plot_style import PAGE, PALE, SMALL, Grid, Page, Skip, clean, fit

PIXELS = 128  # of an image on a sheet, at most
MOST_NUMBERED = 8  # side of the largest grid whose steps are written as numbers


def read_image(folder, path):
    """RGB pixels of an exhibit."""
    inside = pathlib.PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts or inside.parts[0] != "exhibits":
        raise Skip(f"{path!r} is no exhibit")
    try:
        with Image.open(folder / inside) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Skip(f"{path}: {error}") from None


def resized(pixels, side):
    """Larger by repeating pixels, smaller by averaging them: nothing is made up."""
    larger = side >= pixels.shape[0]
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.NEAREST if larger else Image.BOX))


def bare(axes):
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def images(spec, folder):
    """Rows of images. Headings of a row, where it has some, hold for the rows below it too."""
    rows = spec["rows"]
    columns = max(len(row["images"]) for row in rows)
    names, gap, heading = 1.05, 0.04, 0.18
    side = (PAGE - names - gap * (columns - 1)) / columns
    tops, below = [], 0.02
    for row in rows:
        tops.append(below + (heading if row.get("headings") else 0))
        below = tops[-1] + side + gap
    page = Page(PAGE, below)
    read = [[read_image(folder, path) for path in row["images"]] for row in rows]
    pixels = min(PIXELS, max(image.shape[0] for row in read for image in row))
    pixels = max(pixels, 64)
    blank = round(pixels * gap / side)
    for row, top, shown in zip(rows, tops, read):
        strip = np.full((pixels, columns * (pixels + blank) - blank, 3), 255, np.uint8)
        for c, image in enumerate(shown):
            strip[:, c * (pixels + blank):c * (pixels + blank) + pixels] = resized(image, pixels)
        axes = page.axes(names, top, PAGE - names, side)
        axes.imshow(strip, aspect="auto", interpolation="none")
        bare(axes)
        page.text(names - 0.07, top + side / 2, fit(row["name"], names - 0.1, lines=4), ha="right", va="center")
        for c, words in enumerate(row.get("headings", [])):
            page.text(names + c * (side + gap) + side / 2, top - heading + 0.02, fit(words, side, lines=1), ha="center")
    return page.figure


def step_of(panel):
    steps = np.empty(panel["rows"] * panel["cols"], int)
    steps[panel["position_at"]] = np.arange(steps.size)
    return steps.reshape(panel["rows"], panel["cols"])


def paths(spec, folder):
    """For each panel its image, and the order over the paled image."""
    panels = spec["panels"]
    pairs = any("image" in panel for panel in panels)
    width = 1.62
    grid = Grid(len(panels) * (2 if pairs else 1), 4, PAGE, width, left=0.05, right=0.05, top=0.22, bottom=0.05,
                between=(0.08, 0.26))
    if grid.columns < 4:  # few panels stay as small as many
        grid.panel_width = width
    page = Page(PAGE if grid.columns == 4 else 0.1 + grid.columns * (width + 0.08), grid.height)
    for i, panel in enumerate(panels):
        image = read_image(folder, panel["image"]) if "image" in panel else None
        if pairs:
            axes = page.axes(*grid.place(2 * i))
            bare(axes)
            if image is not None:
                axes.imshow(resized(image, 256), interpolation="none", aspect="auto")
        axes = page.axes(*grid.place(2 * i + 1 if pairs else i))
        draw_path(axes, panel, image)
        left, top, _, _ = grid.place(2 * i if pairs else i)
        page.text(left, top - 0.03, fit(panel["title"], width * (2 if pairs else 1), lines=1), va="bottom")
    return page.figure


def draw_path(axes, panel, image):
    rows, cols, order = panel["rows"], panel["cols"], np.asarray(panel["position_at"])
    bare(axes)
    x, y = order % cols, order // cols
    extent = (-0.5, cols - 0.5, rows - 0.5, -0.5)
    if image is not None:
        paled = (resized(image, 256).astype(float) * 0.5 + 255 * 0.5).astype(np.uint8)
        axes.imshow(paled, extent=extent, interpolation="none", aspect="auto")
    else:
        axes.imshow(np.full((1, 1, 3), 238, np.uint8), extent=extent, aspect="auto")
    colours = matplotlib.colormaps["cividis"](np.linspace(0, 1, len(order)))
    points = np.stack([x, y], axis=1).astype(float)
    segments = np.stack([points[:-1], points[1:]], axis=1)
    numbered = max(rows, cols) <= MOST_NUMBERED
    axes.add_collection(LineCollection(segments, colors="white", linewidths=2.6, capstyle="round"))
    axes.add_collection(LineCollection(segments, colors=colours[1:], linewidths=1.4, capstyle="round"))
    if numbered:
        size = (1.62 * 72 / max(rows, cols) * 0.8) ** 2
        axes.scatter(x, y, s=size, c=colours, edgecolors="white", linewidths=0.5, zorder=3)
        for t in range(len(order)):
            axes.text(x[t], y[t], str(t), ha="center", va="center_baseline", fontsize=SMALL, zorder=4,
                      color="white" if luminance(colours[t]) < 0.45 else "black")
    edge = {"edgecolors": "black", "linewidths": 1.0, "zorder": 5}
    size = (1.62 * 72 / max(rows, cols) * 0.95) ** 2 if numbered else 26
    face = {"facecolors": "none"} if numbered else {}
    axes.scatter(x[:1], y[:1], s=size, marker="o", **(face or {"c": [colours[0]]}), **edge)
    axes.scatter(x[-1:], y[-1:], s=size, marker="s", **(face or {"c": [colours[-1]]}), **edge)
    axes.set(xlim=extent[:2], ylim=extent[2:])


def luminance(colour):
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


class Uncovered:
    """A panel of the animation: patches appear in their order."""

    def __init__(self, axes, panel, folder):
        self.steps = step_of(panel)
        rows, cols = self.steps.shape
        patch = max(1, 128 // max(rows, cols))
        if "image" in panel:
            image = Image.fromarray(read_image(folder, panel["image"]))
            self.pixels = np.asarray(image.resize((cols * patch, rows * patch), Image.BICUBIC))
        else:
            colours = matplotlib.colormaps["cividis"](self.steps / max(1, self.steps.size - 1))[..., :3]
            self.pixels = np.kron((colours * 255).astype(np.uint8), np.ones((patch, patch, 1), np.uint8))
        self.when = np.kron(self.steps, np.ones((patch, patch), int))
        self.order, self.cols, self.patch = panel["position_at"], cols, patch
        bare(axes)
        self.artist = axes.imshow(self.pixels, interpolation="nearest")
        self.frame = axes.add_patch(Rectangle((0, 0), patch, patch, fill=False, edgecolor="#D55E00", linewidth=1.6))
        self.label = axes.set_xlabel("")

    def show(self, placed):
        placed = min(placed, len(self.order))
        canvas = np.full_like(self.pixels, 217)
        filled = self.when < placed
        canvas[filled] = self.pixels[filled]
        self.artist.set_data(canvas)
        self.frame.set_visible(0 < placed < len(self.order))
        if placed > 0:
            row, column = divmod(self.order[placed - 1], self.cols)
            self.frame.set_xy((column * self.patch - 0.5, row * self.patch - 0.5))
        self.label.set_text(f"{placed} of {len(self.order)} patches")


def animation(spec, folder):
    """A figure and what draws each of its frames."""
    panels = spec["panels"]
    side, gap = 1.6, 0.1
    page = Page(0.1 + len(panels) * (side + gap), 0.26 + side + 0.22)
    shown = []
    for i, panel in enumerate(panels):
        axes = page.axes(0.1 + i * (side + gap), 0.26, side, side)
        axes.set_title(fit(panel["title"], side, lines=1))
        shown.append(Uncovered(axes, panel, folder))

    def draw(placed):
        for part in shown:
            part.show(placed)

    return page.figure, draw
