"""What a run leaves: the tables, the numbers, the plot, and the part of docs/speed.md that repeats the tables."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from figures import NONE, Figure, figure_table, number, table

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
DONE = ("no change", "leaf", "mid", "core", "import")
COLOURS = {
    "floor_min": "#000000",
    "hotlab": "#d7301f",
    "reload": "#9e9ac8",
    "autoreload": "#74a9cf",
    "jurigged": "#78c679",
    "hmr": "#fe9929",
}


def as_markdown(figures: Sequence[Figure], times: Sequence[dict[str, Any]], about: dict[str, Any]) -> str:
    """The tables."""
    with_goal = [figure for figure in figures if figure.goal is not None]
    missed = [figure for figure in with_goal if figure.met is False]
    missing = [figure for figure in with_goal if figure.met is None]
    summary = f"{sum(figure.met is True for figure in with_goal)} of {len(with_goal)} goals met"
    summary += f", {len(missed)} missed" if missed else ""
    summary += f", {len(missing)} not measured" if missing else ""
    parts = [f"{summary}. {_about(about)}\n", figure_table(figures)]
    if times:
        parts.append("Times in ms, wall clock, medians (`*`: modules were left stale, so that less work was done):\n")
        parts.append(_times_table(times))
    return "\n".join(parts)


def _about(about: dict[str, Any]) -> str:
    text = f"Python {about['python']}, {about['rounds']} rounds, {about['minutes']:.1f} minutes; "
    text += f"load average {about['load'][0]:.1f} before and {about['load'][1]:.1f} after, of {about['cpus']} CPUs"
    if about.get("wall_over_cpu"):
        text += f"; the floor's wall time was {about['wall_over_cpu']:.2f} of its CPU time (1.0: nothing disturbed it)"
    if about.get("judged_by_cpu"):
        text += ", so goals are judged by CPU time where there is one"
    return text + "."


def _times_table(times: Sequence[dict[str, Any]]) -> str:
    """One row for each size and engine."""
    rows: dict[tuple[int, str], dict[str, str]] = {}
    for one in times:
        row = rows.setdefault((one["size"], one["engine"]), {})
        if "failed" in one:
            row["no change"] = f"failed: {one['failed']}".replace("|", "/")
        else:
            row[one["done"]] = number(one["wall"] * 1000) + ("*" if one["stale"] else "")
    lines = [
        [f"{size:,}", engine, *(row.get(done, NONE) for done in DONE)] for (size, engine), row in sorted(rows.items())
    ]
    return table(["modules", "engine", *DONE], lines)


def plot(times: Sequence[dict[str, Any]], file: Path) -> bool:
    """Draw the times against the size of the lab. False where matplotlib is missing, or there is nothing to draw."""
    drawn = [one for one in times if "wall" in one and one["done"] in DONE[:4] and one["engine"] in COLOURS]
    if not drawn or importlib.util.find_spec("matplotlib") is None:
        return False
    matplotlib: Any = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # The same numbers must give the same file.
    matplotlib.rcParams.update({"svg.hashsalt": "hotlab", "svg.fonttype": "none", "font.size": 9})
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    canvas, panels = pyplot.subplots(1, 4, figsize=(12, 3.6), sharey=True)
    titles = {"no change": "nothing changed", "leaf": "leaf edit", "mid": "middle edit", "core": "core edit"}
    for panel, (done, title) in zip(panels, titles.items(), strict=True):
        for engine, colour in COLOURS.items():
            own_points = [one for one in drawn if (one["done"], one["engine"]) == (done, engine)]
            points = sorted((one["size"], one["wall"] * 1000) for one in own_points)
            if points:
                own = engine in ("hotlab", "floor_min")
                sizes, walls = zip(*points, strict=True)
                style = {"color": colour, "linewidth": 2 if own else 1, "linestyle": "-" if own else "--"}
                panel.plot(sizes, walls, marker="o", markersize=3, label=engine, **style)
        panel.set(xscale="log", yscale="log", title=title, xlabel="modules")
        panel.grid(True, which="major", linewidth=0.3)
    panels[0].set_ylabel("ms")
    handles = {}
    for panel in panels:
        handles.update(dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True)))
    canvas.legend(handles.values(), handles.keys(), loc="lower center", ncols=len(handles), frameon=False)
    canvas.tight_layout(rect=(0, 0.08, 1, 1))
    canvas.savefig(file, metadata={"Date": None, "Creator": None})
    pyplot.close(canvas)
    return True


def write(folder: Path, figures: Sequence[Figure], times: Sequence[dict[str, Any]], about: dict[str, Any]) -> str:
    """Write the tables and the numbers; return the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    text = as_markdown(figures, times, about)
    (folder / "engine.md").write_text(text, encoding="utf-8")
    kept = {"about": about, "figures": [figure.as_json() for figure in figures], "times": list(times)}
    (folder / "engine.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return text


def rewrite_page(page: Path, text: str) -> None:
    """Put the tables between the two markers of a page."""
    whole = page.read_text(encoding="utf-8")
    above, _, rest = whole.partition(BEGIN)
    _, _, below = rest.partition(END)
    page.write_text(f"{above}{BEGIN}\n\n{text}\n{END}{below}", encoding="utf-8")
