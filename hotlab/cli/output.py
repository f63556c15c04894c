"""How commands write: with rich on a terminal, plain lines elsewhere, one JSON value with --json.

Plain lines are never folded or coloured, so that scripts can read them. `Output` may be used from
several threads: each call writes its lines in one piece.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any


class Output:
    """Standard output of one command.

    Args:
        as_json: write nothing but what `data` is given.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._lock = threading.Lock()
        self._console: Any = None
        if not as_json and sys.stdout.isatty():
            from rich.console import Console

            self._console = Console(highlight=False)

    def line(self, text: str = "", style: str = "") -> None:
        """Write one line, in a style of rich's where there is a terminal."""
        if self.as_json:
            return
        with self._lock:
            if self._console is not None:
                self._console.print(text, style=style or None, markup=False, soft_wrap=True)
            else:
                print(text, flush=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write rows under headings."""
        if self.as_json:
            return
        cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
        with self._lock:
            if self._console is not None:
                self._print_rich_table(columns, cells)
            else:
                print(_aligned([list(columns), *cells]), flush=True)

    def data(self, value: object) -> None:
        """Write a value as JSON, with --json only."""
        if self.as_json:
            with self._lock:
                print(json.dumps(value, ensure_ascii=False, indent=2, default=str), flush=True)

    def _print_rich_table(self, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in cells:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)


def clock(epoch: float | None) -> str:
    """A moment as the local time of day, with the date where it is not today's."""
    if epoch is None:
        return ""
    moment = datetime.fromtimestamp(epoch)
    today = moment.date() == datetime.now().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """A duration for people, such as `0.12 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"
