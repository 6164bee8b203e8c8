#!/usr/bin/env python3
"""Draws the figures of a results.json.

Writes, next to the file or into --out:
  metrics.png               each metric: a bar at the mean, a point for every seed
  inter_patch_distance.png  how far the next patch is from the last one, a line for every seed
  mean_step_of.png          the mean step of each cell of the grid, one map for every seed
  loss_curves.png           training loss over images seen, a line for every model
A figure that the results hold nothing for is left out. Needs matplotlib, nothing else. It draws what the record holds
and measures nothing itself; reports/README.md describes the record.
"""

import argparse
import json
import math
import pathlib
import sys

try:
    import matplotlib
except ImportError:
    sys.exit(f"{sys.executable} has no matplotlib")

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402  (the backend comes first)

# Okabe and Ito's colours: told apart with every common form of colour blindness. Their yellow is too pale for lines.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"]
MARKERS = "os^Dv<>"
DASHES = ["-", "--", ":", "-."]
MAX_WIDE_BARS = 16  # more bars than these are drawn closer together
MAX_UPRIGHT_NAMES = 4  # more names than these are turned, so that they do not overlap
MAX_NAMES_OF_A_LINE = 4  # rows that a line of the legend names
MAX_MAP_COLUMNS = 6  # seeds drawn of each row of the report
PIECES = {"kid": ["kid_subsets", "kid_subset_size"], "isc": ["isc_splits"]}
SETTINGS = ["version", "num_generated", "num_reference", "reference", "extractor",
            "weights_sha256", "convention", "unit"]
CODES = ["rows", "cols", "codes", "noise", "path"]  # of a data set without images


def field(value, *path):
    """value[path[0]][path[1]]..., or None where a part is missing."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def items(value, *path):
    found = field(value, *path)
    return found if isinstance(found, list) else []


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def shown(value):
    return value if isinstance(value, str) else json.dumps(value)


def label_of(cell, label):
    labels = field(cell, "labels")
    if isinstance(labels, dict) and label in labels:
        return shown(labels[label])
    found = field(cell, "recipe", *label.split("."))
    return None if found is None else shown(found)


def groups_of(results):
    """The rows of the report: {name: cells that differ only in their seed}, in order of appearance."""
    rows = shown(field(results, "report", "rows") or "recipe")
    columns = field(results, "report", "columns") and shown(results["report"]["columns"])
    groups = {}
    for cell in items(results, "cells"):
        name = label_of(cell, rows) or shown(field(cell, "id") or "–")
        labels = field(cell, "labels")
        for label, value in sorted(labels.items()) if isinstance(labels, dict) else []:
            if label not in (rows, columns, "seed"):
                name += f", {label}={shown(value)}"
        if columns:
            name += f" / {label_of(cell, columns) or '–'}"
        groups.setdefault(name, []).append(cell)
    return groups


def done(cells):
    return [cell for cell in cells if field(cell, "status") == "done"]


def look_of(index):
    """Colour, marker and dash: never colour alone."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": DASHES[(index // len(COLOURS)) % len(DASHES)],
    }


def panels(count, columns, width, height):
    """A figure with `count` axes in at most `columns` columns; the axes that are left over are switched off."""
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False,
                                layout="constrained")
    flat = [axis for row in axes for axis in row]
    for axis in flat[count:]:
        axis.set_axis_off()
    return figure, flat[:count]


def metric_columns(groups):
    """{(metric, name, settings): metric entry}: numbers measured in different ways get panels of their own."""
    columns = {}
    for cells in groups.values():
        for cell in done(cells):
            for metric in items(cell, "metrics"):
                columns.setdefault(column_key(cell, metric), metric)
    return columns


def column_key(cell, metric):
    settings = {key: field(metric, key) for key in SETTINGS}
    for key in PIECES.get(shown(field(metric, "metric")), []):
        own = field(metric, key)
        settings[key] = field(cell, "recipe", "evaluate", key) if own is None else own
    dataset = field(cell, "recipe", "dataset")
    sizes = CODES if field(dataset, "name") == "planted_path" else ["image_size"]
    settings["dataset"] = [field(dataset, key) for key in ["name", *sizes]]
    name = field(metric, "name") or field(metric, "metric") or "–"
    return (shown(field(metric, "metric")), shown(name), json.dumps(settings, sort_keys=True))


def peeks(cells, key):
    return any(field(m, "peeks") is True for c in done(cells) for m in items(c, "metrics") if column_key(c, m) == key)


def draw_metric(axis, groups, key, metric):
    names = list(groups)
    marks = {name: " †" if peeks(groups[name], key) else "" for name in names}
    for place, name in enumerate(names):
        cells = groups[name]
        found = [m for cell in done(cells) for m in items(cell, "metrics") if column_key(cell, m) == key]
        values = [m["value"] for m in found if is_number(field(m, "value"))]
        look = look_of(place)
        if values:
            axis.bar(place, sum(values) / len(values), width=0.7, color=look["color"], alpha=0.35)
            spread = [place + 0.12 * (i - (len(values) - 1) / 2) for i in range(len(values))]
            axis.plot(spread, values, linestyle="none", marker=look["marker"], color=look["color"],
                      markeredgecolor="black", markeredgewidth=0.5)
        elif found:
            note(axis, place, "not finite")
        else:
            statuses = {shown(field(cell, "status")) for cell in cells} - {"done"}
            note(axis, place, ", ".join(sorted(statuses)) if not done(cells) else "–")
    counts = [sum(any(column_key(c, m) == key and is_number(field(m, "value")) for m in items(c, "metrics"))
                  for c in done(groups[name])) for name in names]
    few = len(names) <= MAX_UPRIGHT_NAMES
    gap = " " if len(names) > MAX_WIDE_BARS else "\n"
    labels = [f"{name}{marks[name]}{gap}(n={n})" for name, n in zip(names, counts)]
    axis.set_xticks(range(len(names)), labels, fontsize=8,
                    rotation=0 if few else 45, ha="center" if few else "right",
                    rotation_mode="default" if few else "anchor")
    better = {True: " ↑ higher is better", False: " ↓ lower is better"}.get(field(metric, "higher_is_better"), "")
    generated, reference = field(metric, "num_generated"), field(metric, "num_reference")
    size = ", ".join(f"{n} {what}" for n, what in [(generated, "generated"), (reference, "reference")] if n is not None)
    mark = "\n† the order looked at codes not yet placed" if any(marks.values()) else ""
    axis.set_title(key[1] + better + (f"\n{size}" if size else "") + mark, fontsize=9)
    axis.set_ylabel(field(metric, "unit") or key[1], fontsize=8)
    axis.margins(x=0.05)


def note(axis, place, words):
    axis.text(place, 0.02, words, rotation=90, ha="center", va="bottom", fontsize=8,
              transform=axis.get_xaxis_transform())


def metrics_figure(groups):
    columns = metric_columns(groups)
    if not columns:
        return None
    few = len(groups) <= MAX_UPRIGHT_NAMES
    many = len(groups) > MAX_WIDE_BARS
    width = 0.35 * len(groups) if many else max(4.0, 0.8 * len(groups))
    figure, axes = panels(len(columns), 1 if many else 3 if few else 2, width, 3.4 if few else 4.8)
    for axis, (key, metric) in zip(axes, columns.items()):
        draw_metric(axis, groups, key, metric)
    figure.suptitle("Metrics: bar at the mean, one point per seed", fontsize=11)
    return figure


def histogram_of(cell):
    edges = items(cell, "order_statistics", "histogram", "edges")
    counts = items(cell, "order_statistics", "histogram", "counts")
    usable = counts and len(edges) == len(counts) + 1 and all(map(is_number, edges + counts)) and sum(counts) > 0
    return (edges, counts) if usable else None


def distance_figure(groups):
    drawn = {name: [(cell, histogram_of(cell)) for cell in done(cells) if histogram_of(cell)]
             for name, cells in groups.items()}
    drawn = {name: found for name, found in drawn.items() if found}
    if not drawn:
        return None
    figure, axes = panels(len(drawn), 2, 4.6, 2.9)
    places = list(groups)
    for axis, (name, found) in zip(axes, drawn.items()):
        look = look_of(places.index(name))
        for i, (cell, (edges, counts)) in enumerate(found):
            total = sum(counts)
            axis.stairs([count / total for count in counts], edges, color=look["color"], linewidth=1.6,
                        linestyle=DASHES[i % len(DASHES)], label=f"seed {shown(field(cell, 'seed'))}")
        axis.set_title(name, fontsize=9)
        axis.set_ylim(0, 1)
        axis.set_xlabel("distance to the last patch (patches)", fontsize=8)
        axis.set_ylabel("share of steps", fontsize=8)
        if len(found) <= 6:
            axis.legend(fontsize=7)
    figure.suptitle("Inter-patch distance", fontsize=11)
    return figure


def grid_of(cell):
    grid = items(cell, "order_statistics", "mean_step_of")
    usable = grid and all(isinstance(row, list) and row and len(row) == len(grid[0]) for row in grid)
    return grid if usable and all(is_number(step) for row in grid for step in row) else None


def steps_figure(groups):
    drawn = {name: [(cell, grid_of(cell)) for cell in done(cells) if grid_of(cell)][:MAX_MAP_COLUMNS]
             for name, cells in groups.items()}
    drawn = {name: found for name, found in drawn.items() if found}
    if not drawn:
        return None
    columns = max(len(found) for found in drawn.values())
    figure, axes = plt.subplots(len(drawn), columns, figsize=(2.3 * columns + 1.4, 2.4 * len(drawn) + 0.5),
                                squeeze=False, layout="constrained")
    last = max(len(grid) * len(grid[0]) for found in drawn.values() for _, grid in found) - 1
    image = None
    for row, (name, found) in zip(axes, drawn.items()):
        for axis in row[len(found):]:
            axis.set_axis_off()
        for axis, (cell, grid) in zip(row, found):
            image = axis.imshow(grid, cmap="cividis", vmin=0, vmax=last, interpolation="nearest")
            axis.set_title(f"{name}\nseed {shown(field(cell, 'seed'))}", fontsize=8)
            axis.set_xlabel("column", fontsize=7)
            axis.set_ylabel("row", fontsize=7)
            axis.tick_params(labelsize=7)
    bar = figure.colorbar(image, ax=list(axes.flat), shrink=0.8)
    bar.set_label("mean step (0 = first patch generated)", fontsize=8)
    figure.suptitle("When each patch is generated", fontsize=11)
    return figure


def loss_curves(groups):
    """{role: {key: (index and name of the first row that used it, rows that used it, curve)}}."""
    curves = {}
    for place, (name, cells) in enumerate(groups.items()):
        for cell in cells:
            for stage in items(cell, "stages"):
                curve = [p for p in items(stage, "record", "curve")
                         if isinstance(p, list) and len(p) == 2 and all(map(is_number, p))]
                if not curve:
                    continue
                role = shown(field(stage, "role") or field(stage, "stage"))
                key = shown(field(stage, "key") or f"{name}/{field(cell, 'seed')}")
                _, names, _ = curves.setdefault(role, {}).setdefault(key, (place, [], curve))
                if name not in names:
                    names.append(name)
    return curves


def loss_figure(groups):
    curves = loss_curves(groups)
    if not curves:
        return None
    figure, axes = panels(len(curves), 2, 5.4, 3.4)
    for axis, (role, models) in zip(axes, curves.items()):
        labelled = set()
        for place, names, curve in models.values():
            look = look_of(place)
            label = ", ".join(names) if len(names) <= MAX_NAMES_OF_A_LINE else f"{names[0]} and {len(names) - 1} more"
            axis.plot([p[0] for p in curve], [p[1] for p in curve], color=look["color"], linestyle=look["linestyle"],
                      linewidth=1.2, marker=look["marker"], markevery=max(1, len(curve) // 6), markersize=4,
                      label=None if label in labelled else label)
            labelled.add(label)
        axis.set_title(role, fontsize=9)
        axis.set_xlabel("images seen", fontsize=8)
        unit = " (nats per patch)" if role in ("any_order", "specialist") else ""
        axis.set_ylabel("loss" + unit, fontsize=8)
        axis.legend(fontsize=7)
    figure.suptitle("Training loss, one line per model", fontsize=11)
    return figure


FIGURES = {
    "metrics.png": metrics_figure,
    "inter_patch_distance.png": distance_figure,
    "mean_step_of.png": steps_figure,
    "loss_curves.png": loss_figure,
}


def main():
    parser = argparse.ArgumentParser(description="Draws the figures of a results.json.")
    parser.add_argument("results", type=pathlib.Path, help="results.json of a run")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the figures; default: the one of the results")
    arguments = parser.parse_args()
    try:
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{arguments.results}: cannot be read as JSON: {error}", file=sys.stderr)
        return 2
    plt.rcParams["text.parse_math"] = False  # a "$" in a name is a "$"
    groups = groups_of(results)
    out = arguments.out or arguments.results.parent
    out.mkdir(parents=True, exist_ok=True)
    for file, draw in FIGURES.items():
        figure = draw(groups)
        if figure is None:
            continue
        figure.savefig(out / file, dpi=150)
        plt.close(figure)
        print(out / file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
