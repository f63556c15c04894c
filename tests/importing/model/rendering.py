"""How a tree becomes files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.importing.model.observing import COUNTS_NAME
from tests.importing.model.trees import (
    LAZY_FORMS,
    OBJECT_FORMS,
    ROOT,
    VALUE_FORMS,
    Import,
    Module,
    Tree,
    full,
    leaf,
    parent,
)

_FAULTS = {
    "syntax": "def broken(:\n",
    "raise": "raise RuntimeError('broken')\n",
    "exit": "raise SystemExit(3)\n",
    "name": "_fault = no_such_name\n",
    "import": f"from {COUNTS_NAME} import no_such_name\n",
}


def files_of(tree: Tree, *, enable: bool = False) -> dict[str, str]:
    """The texts of a tree by path under the package's folder.

    Args:
        tree: the tree.
        enable: whether the root enables hotlab itself, in its first line.
    """
    files = {}
    for name in tree.names:
        text = text_of(tree, name)
        if enable and not name:
            text = f"import hotlab\nhotlab.enable()\n{text}"
        files[path_of(tree, name)] = text
    return files


def bring_in_line(folder: Path, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Make the files of a folder, which were `before`, what they are `after`; files that stay are not touched."""
    for path in sorted(before.keys() - after.keys()):
        (folder / path).unlink(missing_ok=True)
        if path.endswith("__init__.py") and not any(other.startswith(path[:-11]) for other in after):
            # With it goes its byte code: Python takes a folder that is left for a namespace package.
            shutil.rmtree((folder / path).parent, ignore_errors=True)
    for path, text in after.items():
        if before.get(path) != text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)


def path_of(tree: Tree, name: str) -> str:
    """Where a module stands."""
    path = name.replace(".", "/")
    if tree.modules[name].is_package:
        return f"{path}/__init__.py" if path else "__init__.py"
    return f"{path}.py"


def text_of(tree: Tree, name: str) -> str:
    """The source of a module."""
    module = tree.modules[name]
    lines = [f"import {COUNTS_NAME} as _counts", "_counts.begin(__name__)"]
    if module.is_package:
        names = ["V", *sorted(module.symbols)]
        if module.exports:
            names += [leaf(child) for child in tree.children(name)]
        lines.append(f"__all__ = {names}")
    elif module.exports:
        lines.append(f"__all__ = {['V', *sorted(module.symbols)]}")
    lines += [f"{symbol} = {value}" for symbol, value in sorted(module.symbols.items())]
    terms = [str(module.constant)]
    for each in module.imports:
        lines += _import_lines(tree, name, each)
        if each.form in VALUE_FORMS:
            terms.append(f"_t{each.number} * {each.number + 2}")
    if module.loop and module.is_package:
        lines += _LOOP
        terms.append("_found")
    if module.fault:
        lines.append(_FAULTS[module.fault])
    lines.append(f"V = ({' + '.join(terms)}) % 1000003")
    lines += ["class Kept:", "    value = V", "def get():", "    return V", "_counts.end(__name__)"]
    return "\n".join(lines) + "\n"


_LOOP = [
    "import importlib",
    "import pkgutil",
    "_found = 0",
    "for _each in pkgutil.iter_modules(__path__):",
    "    _found += importlib.import_module(f'{__name__}.{_each.name}').V",
    "_each = None",
]


def dotted_from(module: Module, name: str, target: str) -> str:
    """How a relative import names a module: with one or two dots where that is enough, else absolutely."""
    package = name if module.is_package else parent(name)
    for dots, base in ((".", package), ("..", parent(package))):
        if dots == ".." and not package:
            break
        if target == base:
            return dots
        if not base or target.startswith(base + "."):
            return dots + (target[len(base) + 1 :] if base else target)
    return full(target)


def _import_lines(tree: Tree, name: str, each: Import) -> list[str]:
    number, symbol = each.number, each.symbol
    if each.form in LAZY_FORMS or each.form == "called":
        return _late_lines(each, _lazy_body(tree, name, each))
    if each.form in OBJECT_FORMS:
        bound = _object_import(tree, name, each)
        chain = full(each.target) if each.form == "object_dotted" else f"m{number}"
        return [bound, *_late_lines(each, [f"v = {chain}.{symbol}"])]
    if each.form == "chain":
        body = ["try:", f"    v = {full(each.target)}.{symbol}", "except AttributeError:", f"    v = {-number}"]
        return [f"import {ROOT}", *_late_lines(each, body)]
    taken = f"from {full(each.target)} import {symbol} as _t{number}"
    if each.form == "relative":
        return [f"from {dotted_from(tree.modules[name], name, each.target)} import {symbol} as _t{number}"]
    if each.form == "conditional":
        return [f"if {tree.modules[name].constant} % 2:", f"    {taken}", "else:", f"    _t{number} = {number}"]
    if each.form == "fallback":
        return ["try:", f"    {taken}", "except ImportError:", f"    _t{number} = {-number}"]
    if each.form == "type_checking":
        never = f"from {full(each.target)} import {symbol}"
        return ["from typing import TYPE_CHECKING", "if TYPE_CHECKING:", f"    {never}"]
    if each.form == "star":
        return [f"from {full(each.target)} import *", f"_t{number} = {symbol}"]
    if each.form == "dotted":
        return [f"import {full(each.target)}", f"_t{number} = {full(each.target)}.{symbol}"]
    if each.form == "import_module":
        return ["import importlib", f"_t{number} = importlib.import_module('{full(each.target)}').{symbol}"]
    if each.form in ("as", "child"):
        return [_object_import(tree, name, each), f"_t{number} = m{number}.{symbol}"]
    return [taken]


def _object_import(tree: Tree, name: str, each: Import) -> str:
    if each.form == "object_dotted":
        return f"import {full(each.target)}"
    if each.form in ("child", "object_child") and each.target:
        package = dotted_from(tree.modules[name], name, parent(each.target))
        return f"from {package} import {leaf(each.target)} as m{each.number}"
    return f"import {full(each.target)} as m{each.number}"


def _lazy_body(tree: Tree, name: str, each: Import) -> list[str]:
    target, symbol = full(each.target), each.symbol
    if each.form == "lazy_relative":
        return [f"from {dotted_from(tree.modules[name], name, each.target)} import {symbol} as v"]
    if each.form == "lazy_child" and each.target:
        package = dotted_from(tree.modules[name], name, parent(each.target))
        return [f"from {package} import {leaf(each.target)} as module", f"v = module.{symbol}"]
    if each.form == "lazy_dotted":
        return [f"import {target}", f"v = {target}.{symbol}"]
    if each.form == "lazy_import_module":
        return ["import importlib", f"v = importlib.import_module('{target}').{symbol}"]
    if each.form == "lazy_fallback":
        return ["try:", f"    from {target} import {symbol} as v", "except ImportError:", f"    v = {-each.number}"]
    return [f"from {target} import {symbol} as v"]


def _late_lines(each: Import, body: list[str]) -> list[str]:
    """A function that runs the body when it is called, in the form that the import's holder asks for."""
    number = each.number
    if each.form == "called":
        return [*_function(f"_called{number}()", [*body, "return v"]), f"_t{number} = _called{number}()"]
    if each.holder == "method":
        method = ["    " + line for line in _function("call(self)", [*body, "return v"])]
        return [f"class _Late{number}:", *method, f"_late{number} = _Late{number}().call"]
    if each.holder == "generator":
        steps = ["yield 0", "while True:", *["    " + line for line in [*body, "yield v"]]]
        late = [f"made = _stream{number}()", "next(made)", "return next(made)"]
        return [*_function(f"_stream{number}()", steps), *_function(f"_late{number}()", late)]
    lines = _function(f"_late{number}()", [*body, "return v"])
    if each.holder == "thread":
        lines += _function(
            f"_wait{number}(event, answers)",
            ["event.wait(60)", "try:", f"    answers.append(_late{number}())", "except BaseException as error:",
             "    answers.append('error ' + type(error).__name__)"],
        )  # fmt: skip
    return lines


def _function(signature: str, body: list[str]) -> list[str]:
    return [f"def {signature}:", *["    " + line for line in body]]
