"""Configuration files: where they are, and what stands in them, key by key with its line.

Reads YAML through PyYAML's node graph, because that tells the line of each key, and TOML through
tomllib, which does not. Whatever the bytes in a file, the outcome is values and problems, never an
exception. Any thread.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import attrs
import yaml

from hotlab.runtime.configuration_problems import Given, from_file, problem, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE_NAMES = ("hotlab.yaml", "hotlab.yml", "hotlab.toml")

Sections: TypeAlias = dict[str, dict[str, Given]]


@attrs.frozen
class FileContent:
    """What stands in a file: sections by name, each with its keys, and the problems met."""

    sections: Sections
    places: Mapping[str, Given]
    """Each section's own place; its value is what stands there where that is no section."""
    problems: tuple[str, ...] = ()


@attrs.frozen
class _Collection:
    """Stands for a list or table where a single value was expected."""

    what: str

    def __repr__(self) -> str:
        return self.what


_UNUSABLE = _Collection("a value whose problem has been told")


def config_files(folder: Path) -> list[Path]:
    """The configuration files of a folder."""
    return [file for name in FILE_NAMES if (file := folder / name).is_file()]


def read_file(file: Path) -> FileContent:
    """Read a configuration file; the suffix says how."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return _unreadable(file, f"can't be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        at = error.start
        return _unreadable(file, f"is not UTF-8: byte {at} is 0x{error.object[at]:02x}")
    if file.suffix in (".yaml", ".yml"):
        return _read_yaml(file, text)
    if file.suffix == ".toml":
        return _read_toml(file, text)
    return _unreadable(file, "is neither YAML nor TOML: its name must end in .yaml, .yml or .toml")


def _unreadable(file: Path, text: str, line: int | None = None) -> FileContent:
    return FileContent({}, {}, (problem(from_file(file, line), text),))


def _read_toml(file: Path, text: str) -> FileContent:
    try:
        data = tomllib.loads(text)
    except RecursionError:
        return _unreadable(file, "is nested too deeply")
    except ValueError as error:  # the reader's own error is one; so are impossible dates and numbers
        return _unreadable(file, f"is not TOML: {error}")
    sections: Sections = {}
    places: dict[str, Given] = {}
    origin = from_file(file)
    for name, section in data.items():
        if isinstance(section, dict):
            sections[name] = {key: Given(_simple(value), origin) for key, value in section.items()}
        places[name] = Given(None if isinstance(section, dict) else _simple(section), origin)
    return FileContent(sections, places)


def _simple(value: object) -> object:
    if isinstance(value, dict):
        return _Collection("a table")
    return _Collection("a list") if isinstance(value, list) else value


def _read_yaml(file: Path, text: str) -> FileContent:
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _unreadable(file, f"is not YAML: {error.problem}", mark.line + 1 if mark else None)
    except yaml.YAMLError as error:
        return _unreadable(file, f"is not YAML: {str(error).splitlines()[0]}")
    except RecursionError:
        return _unreadable(file, "is nested too deeply")
    except Exception as error:  # what the library makes of a hostile file is not ours to list
        return _unreadable(file, f"is not YAML: {type(error).__name__}")
    if root is None:
        return FileContent({}, {})
    return _YamlReader(file, loader).read(root)


class _YamlReader:
    """Walks the nodes of one file: sections, their keys, and single values."""

    def __init__(self, file: Path, loader: yaml.SafeLoader) -> None:
        self._file = file
        self._loader = loader
        self._problems: list[str] = []

    def read(self, root: yaml.Node) -> FileContent:
        """The content of a file whose outermost node is `root`."""
        sections: Sections = {}
        places: dict[str, Given] = {}
        if not isinstance(root, yaml.MappingNode):
            return _unreadable(self._file, "must be made of sections, such as general:", self._line(root))
        for name, key_node, node in self._items(root, ""):
            origin = from_file(self._file, self._line(key_node))
            if isinstance(node, yaml.MappingNode):
                sections[name] = self._section(name, node)
                places[name] = Given(None, origin)
            else:
                places[name] = Given(self._value(node, name), origin)
        return FileContent(sections, places, tuple(self._problems))

    def _section(self, name: str, node: yaml.MappingNode) -> dict[str, Given]:
        given: dict[str, Given] = {}
        for key, key_node, value_node in self._items(node, name):
            value = self._value(value_node, f"{name}.{key}")
            if value is not _UNUSABLE:
                given[key] = Given(value, from_file(self._file, self._line(key_node)))
        return given

    def _items(self, node: yaml.MappingNode, section: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            origin = from_file(self._file, self._line(key_node))
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.append(problem(origin, "a key must be a single word", key=section or None))
                continue
            name = str(key_node.value)
            if name in seen:
                text = f"given twice, first in line {seen[name]}"
                self._problems.append(problem(origin, text, key=f"{section}.{name}" if section else name))
                continue
            seen[name] = self._line(key_node)
            yield name, key_node, value_node

    def _value(self, node: yaml.Node, key: str) -> object:
        if isinstance(node, yaml.SequenceNode):
            return _Collection("a list")
        if not isinstance(node, yaml.ScalarNode):
            return _Collection("a table")
        try:
            return self._loader.construct_object(node)
        except Exception:  # an unknown tag, or a text that does not fit it: errors of any type
            text = f"{shown(str(node.value))} can't be read as {node.tag}"
            self._problems.append(problem(from_file(self._file, self._line(node)), text, key=key))
            return _UNUSABLE

    @staticmethod
    def _line(node: yaml.Node) -> int:
        return int(node.start_mark.line) + 1
