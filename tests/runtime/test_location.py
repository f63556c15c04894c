"""Which lab is found for a name, a path, or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hotlab.importing import HotlabError
from hotlab.runtime.location import LabNotFound, find_lab


def make_lab(folder: Path, *, text: str = "import hotlab\nhotlab.enable()\n") -> Path:
    """A lab package in `folder`."""
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(text)
    return folder


def make_distribution(site: Path, entry: str) -> None:
    """A distribution in `site` with an entry point in hotlab.labs."""
    info = site / "some_dist-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-dist\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hotlab.labs]\n{entry}\n")


def test_a_path_is_a_package_folder(tmp_path: Path) -> None:
    """A path leads to the package, whose parent must come first on the path."""
    folder = make_lab(tmp_path / "my_lab")
    (folder / "hotlab.yaml").write_text("")
    for argument in ("./my_lab", "my_lab", str(folder), "my_lab/"):
        found = find_lab(argument, tmp_path)
        assert (found.import_name, found.folder, found.path_to_add, found.config_file) == (
            "my_lab",
            folder,
            tmp_path,
            folder / "hotlab.yaml",
        )
    assert "my_lab" not in sys.modules


def test_a_package_in_a_package_has_a_dotted_name(tmp_path: Path) -> None:
    """A lab below another package is imported by its full name."""
    make_lab(tmp_path / "labs", text="")
    folder = make_lab(tmp_path / "labs" / "north")
    found = find_lab(str(folder), tmp_path)
    assert (found.import_name, found.path_to_add) == ("labs.north", tmp_path)


def test_a_folder_with_one_lab_package_will_do(tmp_path: Path) -> None:
    """Packages that don't mention hotlab are not in the way; two labs are one too many."""
    folder = make_lab(tmp_path / "my_lab")
    make_lab(tmp_path / "helpers", text="")
    assert find_lab(".", tmp_path).folder == folder
    make_lab(tmp_path / "other_lab")
    with pytest.raises(LabNotFound, match=r"more than one package in it \(my_lab, other_lab\)"):
        find_lab(".", tmp_path)


def test_nothing_is_the_lab_whose_config_is_here_or_above(tmp_path: Path) -> None:
    """Without an argument, the nearest configuration file upwards tells the lab."""
    folder = make_lab(tmp_path / "place" / "my_lab")
    (folder / "devices").mkdir()
    (folder.parent / "hotlab.toml").write_text("")
    for cwd in (folder / "devices", folder, folder.parent):
        found = find_lab(None, cwd)
        assert (found.import_name, found.config_file) == (
            "my_lab",
            folder.parent / "hotlab.toml",
        )
    with pytest.raises(LabNotFound, match=r"there is no hotlab.yaml or hotlab.yml or hotlab.toml"):
        find_lab(None, tmp_path)


def test_an_import_name_is_found_on_the_path_without_importing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An importable package needs nothing added to the path, and is not imported by the search."""
    folder = make_lab(tmp_path / "site" / "labs_of_x", text="raise SystemExit('imported')")
    inner = make_lab(folder / "north", text="raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    found = find_lab("labs_of_x", tmp_path)
    assert (found.folder, found.path_to_add) == (folder, None)
    assert find_lab("labs_of_x.north", tmp_path).folder == inner
    with pytest.raises(LabNotFound, match=r"json.decoder is no package"):
        find_lab("json.decoder", tmp_path)


def test_an_entry_point_names_a_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab may be called by the name of its entry point."""
    folder = make_lab(tmp_path / "site" / "pkg_of_the_bench")
    make_distribution(tmp_path / "site", "bench = pkg_of_the_bench\nlost = pkg_that_is_lost")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert find_lab("bench", tmp_path).folder == folder
    with pytest.raises(LabNotFound, match="install some-dist again"):
        find_lab("lost", tmp_path)
    with pytest.raises(LabNotFound, match=r"no lab is named 'bensh': did you mean bench?"):
        find_lab("bensh", tmp_path)


@pytest.mark.parametrize(
    ("argument", "says"),
    [
        ("./absent", "does not exist"),
        ("./file.txt", "is a file"),
        ("./empty", "has no package in it"),
        ("./two words", "is no Python name"),
        ("./json", "the name json is taken"),
        ("my_la", "did you mean my_lab?"),
        ("my-lab", "did you mean my_lab?"),
        ("..my_lab", "no lab is named"),
        ("", "can't be a lab"),
        ("a\0b", "can't be a lab"),
        ("./a\0b", "can't be a lab"),
    ],
)
def test_what_is_not_found_is_one_line_with_the_remedy(tmp_path: Path, argument: str, says: str) -> None:
    """Each way of naming no lab is one line that says what is wrong."""
    make_lab(tmp_path / "my_lab")
    make_lab(tmp_path / "two words")
    make_lab(tmp_path / "json")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(LabNotFound) as caught:
        find_lab(argument, tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, HotlabError)
