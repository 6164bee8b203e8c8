"""How figures look: text, colours, sizes, and where axes stand on the page.

A figure is as wide as one column of a paper (3.3 in) or as its page (6.9 in), and no text in it is smaller than 7 pt. Places
are counted in inches from the top left, so that no layout has to be searched for.
"""

import functools
import math
import unicodedata

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

COLUMN, PAGE = 3.3, 6.9  # inches
SMALL, TITLE = 7, 8  # points
# Okabe and Ito's colours: told apart with every common form of colour blindness. Their yellow is too pale for lines.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
MARKERS = "os^Dv<>"
DASHES = ["-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1))]
GREY, PALE = "#767676", "#D9D9D9"


class Skip(Exception):
    """Why a figure cannot be drawn."""


def set_up():
    matplotlib.rcParams.update({
        "text.parse_math": False,  # a "$" in a name is a "$"
        "font.family": "DejaVu Sans",
        "font.size": SMALL,
        "axes.titlesize": SMALL,
        "axes.labelsize": SMALL,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.pad": 2,
        "ytick.major.pad": 2,
        "axes.labelpad": 2,
        "axes.titlepad": 3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.2,
        "svg.fonttype": "path",  # the same on every machine, whatever fonts it has
        "svg.hashsalt": "oar-bench",
        "pdf.fonttype": 42,
    })


def clean(text, lines=1):
    """Text as one line, or at most so many: no control, format or broken character is left of it."""
    kept = str(text).split("\n", lines - 1)
    return "\n".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in line) for line in kept)


@functools.lru_cache(maxsize=None)
def _width_of_line(line, size):
    font = get_font(findfont("DejaVu Sans"))
    font.set_size(size, 72)
    font.set_text(line)
    return font.get_width_height()[0] / 64 / 72


def width_of(text, size=SMALL):
    """Inches of the longest line."""
    return max(_width_of_line(line, size) for line in text.split("\n"))


def fit(text, inches, lines=2, size=SMALL):
    """Text broken at spaces into lines of this width, and cut with an ellipsis where they do not hold it."""
    words, kept = clean(text, lines).replace("\n", " \n ").split(" "), [""]
    for word in words:
        if word == "\n":
            kept.append("")
            continue
        longer = f"{kept[-1]} {word}".strip()
        if width_of(longer, size) <= inches or not kept[-1]:
            kept[-1] = longer
        else:
            kept.append(word)
    cut = len(kept) > lines
    kept = kept[:lines]
    for i, line in enumerate(kept):
        end = "…" if cut and i == len(kept) - 1 else ""
        while line and width_of(line + end, size) > inches:
            line, end = line[:-1], "…"
        kept[i] = line + end
    return "\n".join(kept)


def look_of(index):
    """Colour, marker and dash: never colour alone."""
    index = int(index)
    return {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)],
            "linestyle": DASHES[(index // len(COLOURS)) % len(DASHES)]}


class Page:
    """A figure of a fixed width, on which axes are placed in inches from its top left."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height))

    def axes(self, left, top, width, height, **more):
        return self.figure.add_axes([left / self.width, 1 - (top + height) / self.height, width / self.width,
                                     height / self.height], **more)

    def text(self, left, top, words, **more):
        more.setdefault("va", "top")
        return self.figure.text(left / self.width, 1 - top / self.height, words, **more)


class Grid:
    """Panels of one size in rows: where each of them stands."""

    def __init__(self, count, columns, width, panel_height, left=0.5, right=0.1, top=0.25, between=(0.15, 0.3),
                 bottom=0.4):
        self.columns = max(1, min(columns, count))
        self.rows = math.ceil(count / self.columns)
        self.count, self.left, self.top = count, left, top
        self.panel_height = panel_height
        self.panel_width = (width - left - right - between[0] * (self.columns - 1)) / self.columns
        self.between = between
        self.height = top + self.rows * panel_height + (self.rows - 1) * between[1] + bottom

    def place(self, i):
        row, column = divmod(i, self.columns)
        return (self.left + column * (self.panel_width + self.between[0]),
                self.top + row * (self.panel_height + self.between[1]), self.panel_width, self.panel_height)

    def is_left(self, i):
        return i % self.columns == 0

    def is_lowest(self, i):
        return i + self.columns >= self.count


def legend_rows(names, width):
    """How many names stand in a line of a legend, and how many lines it takes."""
    widest = max(width_of(name) for name in names) + 0.55
    columns = max(1, min(len(names), int(width / widest)))
    return columns, math.ceil(len(names) / columns)
