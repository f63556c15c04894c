"""A process of `test_real_package`: a copied package under plain Python, or with hotlab enabled, edited and refreshed.

python real_package_process.py plain|live NAME FOLDER
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def pygments() -> object:
    """Highlight two languages; what is looked up by name is imported only then."""
    package, formatters, lexers = map(importlib.import_module, ("pygments", "pygments.formatters", "pygments.lexers"))
    page = "<p class='a'>text</p>"
    return [
        package.highlight("[oven]\nlimit = 1\n", lexers.get_lexer_by_name("ini"), formatters.HtmlFormatter()),
        package.highlight(page, lexers.get_lexer_by_name("html"), formatters.get_formatter_by_name("latex")),
        importlib.import_module("pygments.lexers.html").html_doctype_matches(page),
    ]


def markdown_it() -> object:
    """Render a page."""
    markdown = importlib.import_module("markdown_it").MarkdownIt()
    rendered: str = markdown.render("# Oven\n\nHot & *very*\n`hot`\n\n* one\n* two\n")
    return rendered


# A leaf, a middle and a core module, each with the lines that are appended to it.
EDITS = {
    "pygments": {
        "pygments.lexers.configs": (
            "class IniLexer(IniLexer):\n"
            "    def get_tokens_unprocessed(self, text):\n"
            "        yield 0, Comment, 'edited'\n"
        ),
        "pygments.formatters.html": (
            "class HtmlFormatter(HtmlFormatter):\n"
            "    def wrap(self, source):\n"
            "        yield 0, '<!-- edited -->'\n"
            "        yield from super().wrap(source)\n"
        ),
        "pygments.util": "def html_doctype_matches(text):\n    return 'edited'\n",
    },
    "markdown_it": {
        "markdown_it.rules_block.heading": "def heading(state, startLine, endLine, silent):\n    return False\n",
        "markdown_it.renderer": "RendererHTML.softbreak = lambda *arguments: '<edited/>'\n",
        "markdown_it.common.utils": "def escapeHtml(raw):\n    return 'edited'\n",
    },
}
CHECKS: dict[str, Callable[[], object]] = {"pygments": pygments, "markdown_it": markdown_it}


def fresh(name: str, folder: str) -> object:
    """What plain Python gives in a fresh interpreter."""
    command = [sys.executable, __file__, "plain", name, folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def append(folder: str, module: str, lines: str) -> str:
    """Append lines to a module and return the text that it had."""
    path = Path(folder, *module.split(".")).with_suffix(".py")
    text = path.read_text("utf-8")
    path.write_text(text + "\n\n" + lines, "utf-8")
    return text


def live(name: str, folder: str) -> list[dict[str, object]]:
    """What is seen before and after each edit, and of one that is broken at last."""
    import hotlab

    hotlab.enable(name)
    check = CHECKS[name]
    seen: list[dict[str, object]] = [{"live": check(), "fresh": fresh(name, folder)}]
    for module, lines in EDITS[name].items():
        append(folder, module, lines)
        report = hotlab.refresh(name)
        outcome = {"module": module, "ok": report.ok, "error": report.error, "changed": list(report.changed)}
        seen.append(
            {
                **outcome,
                "reloaded": list(report.reloaded),
                "live": check(),
                "fresh": fresh(name, folder),
            }
        )
        text = append(folder, module, "raise RuntimeError('broken on purpose')\n")
        report = hotlab.refresh(name)
        seen.append({"broken": report.outcome, "error": report.error, "live": check(), "fresh": seen[-1]["fresh"]})
        Path(folder, *module.split(".")).with_suffix(".py").write_text(text, "utf-8")
        report = hotlab.refresh(name)
        seen.append(
            {"mended": report.ok, "reloaded": list(report.reloaded), "live": check(), "fresh": seen[-1]["fresh"]}
        )
    return seen


def main(mode: str, name: str, folder: str) -> None:
    """Print what is seen, as JSON."""
    sys.path.insert(0, folder)
    result = live(name, folder) if mode == "live" else CHECKS[name]()
    where = str(importlib.import_module(name).__file__)
    assert where.startswith(folder + os.sep), where
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
