"""Numbers over commits, each with the band it was expected in."""

from plot_style import COLOURS, COLUMN, GREY, PAGE, PALE, Grid, Page, Skip, clean, fit

SHOWN_COMMITS = 6  # named below a panel


def panel_of(axes, panel, width):
    means = panel["means"]
    places = range(len(means))
    banded = [i for i in places if panel["low"][i] is not None]
    axes.fill_between(banded, [panel["low"][i] for i in banded], [panel["high"][i] for i in banded], color=PALE, linewidth=0,
                      step="mid" if len(banded) > 1 else None)
    inside = [i for i in places if not panel["outside"][i]]
    outside = [i for i in places if panel["outside"][i]]
    axes.plot(places, means, color=GREY, linewidth=0.8, zorder=2)
    axes.plot(inside, [means[i] for i in inside], "o", color=COLOURS[0], markersize=3, zorder=3)
    axes.plot(outside, [means[i] for i in outside], "D", color=COLOURS[1], markersize=4, zorder=3)
    if outside:
        first = outside[0]
        axes.axvline(first, color=COLOURS[1], linewidth=0.6, linestyle=(0, (3, 2)), zorder=1)
        left = first < len(means) / 2
        axes.annotate(clean(panel["commits"][first]), (first, 1), xycoords=("data", "axes fraction"), va="top",
                      ha="left" if left else "right", xytext=(2 if left else -2, 0), textcoords="offset points")
    # A wide band must not flatten the points, and rounding is no movement: bands are cut, points never.
    low, high = min(means), max(means)
    reach = max(0.35 * (high - low), 0.002 * abs(high)) or 1
    axes.set(xlim=(-0.6, len(means) - 0.4), ylim=(low - reach, high + reach))
    every = max(1, -(-len(means) // SHOWN_COMMITS))
    named = list(places)[::-1][::every][::-1]
    axes.set_xticks(named, [clean(panel["commits"][i]) for i in named], rotation=30, ha="right", rotation_mode="anchor")
    axes.set_title(fit(panel["title"], width, lines=1))


def history(spec, _):
    panels = spec["panels"]
    if not panels:
        raise Skip("it has no panels")
    columns = 1 if len(panels) == 1 else 2
    width = COLUMN if columns == 1 else PAGE
    grid = Grid(len(panels), columns, width, 1.3, left=0.62, top=0.24, bottom=0.5, between=(0.6, 0.72))
    page = Page(width, grid.height)
    for i, panel in enumerate(panels):
        axes = page.axes(*grid.place(i))
        panel_of(axes, panel, grid.panel_width)
        if grid.is_left(i):
            axes.set_ylabel(fit(spec["y_label"], grid.panel_height, lines=2))
    return page.figure
