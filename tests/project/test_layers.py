"""The shape of the project: who may import whom, and how long a file may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "hotlab"
LAYERS = ("importing", "refreshing", "watching", "runtime", "cli")
LONGEST_FILE = 400

SOURCES = sorted(PACKAGE.rglob("*.py"))
ALL_FILES = [
    *SOURCES,
    *sorted((ROOT / "fake_lab").rglob("*.py")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted(ROOT.glob("plugins/*/**/*.py")),
]


def name_of(file: Path) -> str:
    """The module's name."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): file for file in SOURCES}


def imports(file: Path, *, inside_functions: bool) -> Iterator[str]:
    """Names of the hotlab modules that a file imports, not those for type checkers alone."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in walk(tree, inside_functions=inside_functions):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name_of(file) if file.name == "__init__.py" else name_of(file.parent / "x")
                parents = package.split(".")
                if file.name != "__init__.py":
                    parents = parents[:-1]
                parents = parents[: len(parents) - node.level + 1]
                base = ".".join([*parents, *([base] if base else [])])
            for alias in node.names:
                full_name = f"{base}.{alias.name}"
                if full_name in MODULES:
                    yield full_name
                elif base in MODULES:
                    yield base


def walk(node: ast.AST, *, inside_functions: bool) -> Iterator[ast.AST]:
    """The nodes that run, without `if TYPE_CHECKING` and, if asked, without functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if not inside_functions and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield child
        yield from walk(child, inside_functions=inside_functions)


def layer_of(module: str) -> int:
    """The number of a module's layer; hotlab itself is below all."""
    parts = module.split(".")
    return LAYERS.index(parts[1]) if len(parts) > 1 and parts[1] in LAYERS else -1


def test_every_package_is_a_layer() -> None:
    """No package stands outside the layers."""
    packages = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert packages == set(LAYERS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_layer_imports_only_layers_listed_before_it(module: str) -> None:
    """No import, not even one inside a function, goes up; the public face is imported by none."""
    if module == "hotlab":
        return
    found = set(imports(MODULES[module], inside_functions=True))
    upward = {name for name in found if layer_of(name) > layer_of(module) or name == "hotlab"}
    assert not upward


def test_the_public_face_loads_the_light_layers_only() -> None:
    """`hotlab/__init__.py` imports importing/ and the hook markers, the rest on first use."""
    found = set(imports(MODULES["hotlab"], inside_functions=False))
    allowed = {name for name in found if layer_of(name) == 0} | {"hotlab.refreshing.markers"}
    assert found <= allowed


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Top-level imports have an order: no module waits for one that waits for it."""
    graph = {
        module: {name for name in imports(file, inside_functions=False) if name != module}
        for module, file in MODULES.items()
    }
    while True:
        free = {module for module, needed in graph.items() if not needed & graph.keys()}
        if not free:
            break
        graph = {module: needed for module, needed in graph.items() if module not in free}
    # A package's __init__ takes names from its own modules, which is no circle by itself.
    assert not graph, {module: sorted(needed & graph.keys()) for module, needed in graph.items()}


@pytest.mark.parametrize("file", ALL_FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_file_is_long(file: Path) -> None:
    """A file can be read in one sitting."""
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("module", sorted(MODULES))
def test_what_is_public_is_documented(module: str) -> None:
    """Each module, and each public class and function at its top, says what it is for."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    undocumented = [
        node.name
        for node in tree.body
        if isinstance(node, kinds)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
        and not any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]
    assert ast.get_docstring(tree), f"{module} has no docstring"
    assert not undocumented
