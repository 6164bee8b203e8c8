"""Dots, lines, histograms and maps."""

from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from plot_style import (COLUMN, GREY, PAGE, PALE, SMALL, Grid, Page, Skip, clean, fit, legend_rows, look_of, width_of)


def number_text(value, _=None):
    """A tick without an exponent that nobody asked for: 20000 as 20k."""
    if abs(value) >= 1e6 and value % 1e5 == 0:
        return f"{value / 1e6:g}M"
    if abs(value) >= 1e4 and value % 100 == 0:
        return f"{value / 1e3:g}k"
    return f"{value:g}".replace("-", "−")


def ticks(axis, count=4, integer=False):
    axis.set_major_locator(MaxNLocator(count, integer=integer, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(number_text))


def dots(spec, _):
    names, looks, panels = spec["rows"], spec["looks"], spec["panels"]
    if not names or not panels:
        raise Skip("it has no rows")
    width = COLUMN if len(panels) == 1 else PAGE
    names = [fit(name, 1.9 if width == PAGE else 1.3, lines=1) for name in names]
    left = max(width_of(name) for name in names) + 0.15
    line = 0.2 if len(names) <= 12 else 0.145
    labels = [axis_label(panel) for panel in panels]
    grid = Grid(len(panels), len(panels), width, max(0.5, line * len(names)), left=left,
                top=0.36 if any("reference" in panel for panel in panels) else 0.2,
                bottom=0.22 + 0.12 * max(label.count("\n") + 1 if label else 0 for label in labels),
                between=(0.22, 0))
    page = Page(width, grid.height)
    for i, panel in enumerate(panels):
        axes = page.axes(*grid.place(i))
        dot_panel(axes, panel, looks, grid.panel_width)
        axes.set_xlabel(labels[i])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), names if i == 0 else [""] * len(names))
        axes.tick_params(axis="y", length=0)
    return page.figure


def dot_panel(axes, panel, looks, inches):
    axes.grid(axis="y", color=PALE, linewidth=0.4)
    axes.set_axisbelow(True)
    if "reference" in panel:
        axes.axvline(panel["reference"], color=GREY, linewidth=0.8, linestyle=(0, (3, 2)))
    for row, entry in enumerate(panel["entries"]):
        look = look_of(looks[row])
        if "mean" not in entry:
            axes.text(0.03, row, clean(entry.get("note", "–")), color=GREY, fontsize=SMALL, style="italic",
                      va="center", transform=axes.get_yaxis_transform())
            continue
        if "low" in entry:
            axes.plot([entry["low"], entry["high"]], [row, row], color=look["color"], linewidth=1.4, marker="|",
                      markersize=4)
        if entry["n"] > 1:
            axes.plot(entry["points"], [row + 0.24] * len(entry["points"]), linestyle="none", marker="o", markersize=2.6,
                      markerfacecolor="none", markeredgecolor=GREY, markeredgewidth=0.6)
        axes.plot(entry["mean"], row, linestyle="none", marker=look["marker"], color=look["color"], markersize=4.5,
                  markeredgecolor="white", markeredgewidth=0.4, zorder=3)
        if entry.get("peeks"):
            axes.annotate("†", (entry.get("high", entry["mean"]), row), xytext=(4, 0), textcoords="offset points",
                          fontsize=SMALL, va="center")
    ticks(axes.xaxis, 4 if inches > 1.3 else 3)
    axes.margins(x=0.08)
    axes.set_title(fit(panel["title"], inches, lines=1), pad=13 if "reference" in panel else 3)
    if "reference" in panel:  # beside its line, inside the panel
        axes.autoscale_view()
        at = axes.transAxes.inverted().transform(axes.transData.transform((panel["reference"], 0)))[0]
        axes.text(min(max(at, 0.0), 1.0), 1.0, fit(panel.get("reference_text", ""), inches), color=GREY,
                  ha="left" if at < 0.33 else "right" if at > 0.67 else "center", va="bottom",
                  transform=axes.transAxes)


def axis_label(panel):
    arrow = {"lower is better": "← better", "higher is better": "better →"}.get(panel.get("better"), "")
    return "\n".join(part for part in (clean(panel.get("unit") or ""), arrow) if part)


def line(axes, drawn, many, aside, look):
    """One curve; `aside`: points by which its marks stand beside those of others, None for a curve without them."""
    if drawn.get("dashed"):
        look = {**look, "linestyle": (0, (3, 1.5))}
    kwargs = {"color": look["color"], "linestyle": look["linestyle"]}
    if aside is not None:
        beside = axes.transData + ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
        kwargs["transform"] = beside
        reach = [[y - low for y, low in zip(drawn["y"], drawn["low"])],
                 [high - y for y, high in zip(drawn["y"], drawn["high"])]]
        axes.errorbar(drawn["x"], drawn["y"], yerr=reach, marker=look["marker"], markersize=4, capsize=2,
                      elinewidth=0.8, **kwargs)
        if len(drawn["points"]) > len(drawn["x"]):
            axes.plot(*zip(*drawn["points"]), linestyle="none", marker="o", markersize=2.6, markerfacecolor="none",
                      markeredgecolor=look["color"], markeredgewidth=0.5, transform=beside)
        return
    if "low" in drawn:
        axes.fill_between(drawn["x"], drawn["low"], drawn["high"], color=look["color"], alpha=0.18, linewidth=0)
    every = max(1, len(drawn["x"]) // 6)
    axes.plot(drawn["x"], drawn["y"], marker=look["marker"] if many else None, markersize=3,
              markevery=(int(look_offset(look) * every), every), **kwargs)


def look_offset(look):
    """Marks of lines that lie on each other stand apart."""
    return "os^Dv<>".index(look["marker"]) / 7


def handle(drawn):
    look = look_of(drawn["look"])
    if drawn.get("dashed"):
        look["linestyle"] = (0, (3, 1.5))
    return Line2D([], [], markersize=3.5, linewidth=1.2, **look)


def lines(spec, _):
    panels, behind, marked = spec["panels"], spec.get("others_behind", False), spec.get("marked", False)
    if not panels:
        raise Skip("it has no panels")
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3 if len(panels) <= 9 else 4
    width = COLUMN if columns == 1 else PAGE
    named = {}
    for panel in panels:
        for drawn in panel["lines"]:
            named.setdefault(clean(drawn["name"]), drawn)
    own = len(panels) > 2 and not marked  # its title says what the panel shows
    names = [] if own and all(len(p["lines"]) <= 1 for p in panels) or len(named) < 2 else list(named)
    height = 1.0 if len(panels) > 9 else 1.25 if len(panels) > 4 else 1.7
    apart = (0.72 if marked else 0.55 if columns == 2 else 0.3, 0.55 if marked else 0.36)
    titled = any(panel["title"] for panel in panels)
    grid = Grid(len(panels), columns, width, height, left=0.66 if marked else 0.56, top=0.24 if titled else 0.1, bottom=0.42, between=apart)
    shown = [fit(name, (width - 0.5) / 1.02 - 0.5, lines=1) for name in names]
    per_line, legend_lines = legend_rows(shown, width - 0.2) if shown else (1, 0)
    page = Page(width, grid.height + 0.16 * legend_lines + (0.06 if shown else 0))
    limits = shared_limits(panels) if behind else None
    for i, panel in enumerate(panels):
        axes = page.axes(*grid.place(i))
        if behind:
            axes.add_collection(LineCollection([list(zip(drawn["x"], drawn["y"])) for other in panels
                                                if other is not panel for drawn in other["lines"]],
                                               colors=PALE, linewidths=0.6), autolim=False)
            axes.set(xlim=limits[0], ylim=limits[1])
        for k, drawn in enumerate(panel["lines"]):
            aside = 2.5 * (k - (len(panel["lines"]) - 1) / 2) if marked else None
            line(axes, drawn, not behind, aside, look_of(drawn["look"]))
        if "y_limits" in spec:
            axes.set_ylim(spec["y_limits"][0] - 0.03, spec["y_limits"][1] + 0.03)
        ticks(axes.xaxis, 4, integer=not marked)
        ticks(axes.yaxis, 4)
        if marked:  # what stands aside has no say in the limits otherwise
            values = [v for drawn in panel["lines"] for v in drawn["low"] + drawn["high"] +
                      [point[1] for point in drawn["points"]]]
            reach = 0.06 * (max(values) - min(values)) or 1
            axes.set_ylim(min(values) - reach, max(values) + reach)
            spread_out(axes, sorted({x for drawn in panel["lines"] for x in drawn["x"]}))
        axes.set_title(fit(panel["title"], grid.panel_width, lines=1))
        if grid.is_lowest(i) or marked:
            axes.set_xlabel(fit(panel["x_label"], grid.panel_width + 0.2, lines=1))
        elif behind:
            axes.set_xticklabels([])
        if grid.is_left(i) or marked:
            axes.set_ylabel(fit(panel["y_label"], height + 0.1, lines=2), linespacing=1.5)
        elif behind:
            axes.set_yticklabels([])
    if shown:
        page.figure.legend([handle(named[name]) for name in names], shown, loc="lower center", ncol=per_line,
                           frameon=False, borderaxespad=0.2, handlelength=2.4, columnspacing=1.2, labelspacing=0.3)
    return page.figure


def spread_out(axes, values):
    """Values such as 0, 0.25, 0.5, ..., 32: even steps for powers, and a tick for each value that has room."""
    positive = [x for x in values if x > 0]
    powers = len(positive) > 1 and min(values) >= 0 and positive[-1] >= 10 * positive[0]
    if powers:
        axes.set_xscale("symlog", linthresh=positive[0], linscale=0.5)
        axes.set_xlim(-0.3 * positive[0] if values[0] == 0 else values[0] * 0.8, positive[-1] * 1.6)
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        reach = 0.08 * (values[-1] - values[0]) or 1
        axes.set_xlim(values[0] - reach, values[-1] + reach)
    if powers or len(values) <= 5:
        axes.xaxis.set_major_locator(FixedLocator(values[::-(-len(values) // 5)]))
        axes.xaxis.set_major_formatter(FuncFormatter(number_text))


def shared_limits(panels):
    values = [(panel_line["x"], panel_line.get("low", panel_line["y"]), panel_line.get("high", panel_line["y"]))
              for panel in panels for panel_line in panel["lines"]]
    x = [v for xs, _, _ in values for v in xs]
    y = [v for _, low, high in values for v in low + high]
    reach = (max(y) - min(y)) * 0.05 or 1
    return (min(x), max(max(x), min(x) + 1)), (min(y) - reach, max(y) + reach)


def histograms(spec, _):
    panels = spec["panels"]
    columns = 1 if len(panels) == 1 else 2 if len(panels) in (2, 4) else 3 if len(panels) <= 9 else 4
    width = COLUMN if columns == 1 else PAGE
    height = 1.0 if len(panels) > 9 else 1.25
    grid = Grid(len(panels), columns, width, height, left=0.5, top=0.3, bottom=0.42, between=(0.2, 0.36))
    page = Page(width, grid.height)
    highest = max(max(panel["shares"]) for panel in panels)
    longest = max(panel["edges"][-1] for panel in panels)
    for i, panel in enumerate(panels):
        axes = page.axes(*grid.place(i))
        look = look_of(panel["look"])
        axes.stairs(panel["shares"], panel["edges"], fill=True, color=look["color"], alpha=0.35)
        axes.stairs(panel["shares"], panel["edges"], color=look["color"], linewidth=1)
        if "mean" in panel:
            axes.axvline(panel["mean"], color="black", linewidth=0.9, linestyle=(0, (3, 2)))
            axes.text(0.98, 0.95, clean(panel["mean_text"]), ha="right", va="top", transform=axes.transAxes,
                      bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1})
        axes.set(xlim=(0, longest), ylim=(0, min(1.02, highest * 1.12)))
        ticks(axes.xaxis, 5, integer=True)
        ticks(axes.yaxis, 4)
        axes.set_title(fit(panel["title"], grid.panel_width, lines=1))
        if grid.is_lowest(i):
            axes.set_xlabel(fit(spec["x_label"], grid.panel_width + 0.15, lines=2))
        else:
            axes.set_xticklabels([])
        if grid.is_left(i):
            axes.set_ylabel(clean(spec["y_label"]))
        else:
            axes.set_yticklabels([])
    return page.figure


def maps(spec, _):
    """Blocks of up to four recipes: their means in one row, their spreads below it."""
    panels = spec["panels"]
    columns = min(4, len(panels))
    side, left, gap = 1.25, 0.62, 0.12
    width = max(COLUMN, left + columns * side + (columns - 1) * gap + 0.75)
    blocks = [panels[i:i + columns] for i in range(0, len(panels), columns)]
    block = 0.42 + 2 * side + 0.1
    page = Page(width, block * len(blocks) + 0.2)
    for b, row in enumerate(blocks):
        for c, panel in enumerate(row):
            for line_, (key, limit) in enumerate([("mean", "mean_limit"), ("spread", "spread_limit")]):
                if key not in panel:
                    continue
                axes = page.axes(left + c * (side + gap), b * block + 0.36 + line_ * (side + 0.1), side, side)
                map_panel(axes, panel, key, spec[limit], line_ == 1, c == 0, side)
        for line_, (label, limit) in enumerate([("mean_label", "mean_limit"), ("spread_label", "spread_limit")]):
            top = b * block + 0.36 + line_ * (side + 0.1)
            at = left + len(row) * side + (len(row) - 1) * gap + 0.1
            bar = page.figure.colorbar(ScalarMappable(Normalize(0, spec[limit]), "cividis"),
                                       cax=page.axes(at, top, 0.09, side))
            bar.outline.set_linewidth(0.5)
            bar.set_label(fit(spec[label], side + 0.1, lines=2))
            ticks(bar.ax.yaxis, 4)
    return page.figure


def map_panel(axes, panel, key, limit, is_lower, is_left, side):
    cells = panel[key]
    axes.imshow(cells, cmap="cividis", vmin=0, vmax=limit, interpolation="nearest", aspect="auto")
    for spine in axes.spines.values():
        spine.set_visible(False)
    rows, cols = len(cells), len(cells[0])
    axes.set_xticks([0, cols - 1] if cols > 1 else [0])
    axes.set_yticks([0, rows - 1] if rows > 1 else [0])
    axes.tick_params(length=0)
    if not is_lower:
        axes.set_title(fit(panel["title"], side, lines=2))
        axes.set_xticklabels([])
    else:
        axes.set_xlabel("column", labelpad=-5)
    if is_left:
        axes.set_ylabel("row", labelpad=-3)
    else:
        axes.set_yticklabels([])
