"""What a configuration file may say, what is refused, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotlab.importing import HotlabError
from hotlab.refreshing import RefreshLimits
from hotlab.runtime.configuration import ConfigurationError, LoadedConfig, load_config
from hotlab.runtime.configuration_problems import hide_password
from hotlab.runtime.configuration_shown import settings as shown_settings


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """An empty lab package in a folder of its own."""
    folder = tmp_path / "labs" / "my_lab"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("import hotlab\nhotlab.enable()\n")
    return folder


def load(lab: Path, environ: Mapping[str, str] | None = None) -> LoadedConfig:
    """The lab's configuration, without this process's variables."""
    return load_config(lab, environ=environ or {})


def problems(lab: Path, text: str | bytes, *, name: str = "hotlab.yaml") -> tuple[str, ...]:
    """What is wrong with a configuration file, each line without the file's folder."""
    data = text.encode() if isinstance(text, str) else text
    (lab / name).write_bytes(data)
    with pytest.raises(ConfigurationError) as caught:
        load(lab)
    assert all("\n" not in line for line in caught.value.problems)
    return tuple(line.replace(f"{lab}/", "") for line in caught.value.problems)


def test_without_a_file_everything_has_a_default(lab: Path) -> None:
    """A lab needs no configuration file: it is called after its package, and watches nothing."""
    loaded = load(lab)
    assert loaded.file is None
    assert loaded.config.general.name == "my_lab"
    assert loaded.config.general.auto_refresh is False
    assert loaded.config.database.url == f"sqlite:///{lab}/.hotlab/hotlab.db"
    assert loaded.config.broker.url == "memory://"
    assert {str(origin) for origin in loaded.origins.values()} == {"default"}


def test_the_refresh_section_is_refresh_limits(lab: Path) -> None:
    """The refresh section can be handed to the refresher as it is, with the same defaults."""
    refresh = load(lab).config.refresh
    assert isinstance(refresh, RefreshLimits)
    assert refresh.drain_timeout == RefreshLimits().drain_timeout
    assert (refresh.stage, refresh.scope) == ("before", "all")


@pytest.mark.parametrize("name", ["hotlab.yaml", "hotlab.yml", "hotlab.toml"])
def test_the_file_is_found_in_the_package_or_above_it(lab: Path, name: str) -> None:
    """A file of each name is read, from the package folder or the folder above it."""
    text = "[general]\nname = 'x'\n" if name.endswith("toml") else "general:\n  name: x\n"
    for folder in (lab, lab.parent):
        (folder / name).write_text(text)
        loaded = load(lab)
        assert loaded.config.general.name == "x"
        assert loaded.file == folder / name
        assert loaded.config.general.working_dir == folder / ".hotlab"
        (folder / name).unlink()


def test_two_files_at_once_are_refused_and_both_named(lab: Path) -> None:
    """Which of two files counts is never guessed."""
    (lab / "hotlab.yaml").write_text("")
    (lab.parent / "hotlab.toml").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        load(lab)
    assert [line.split(":")[0] for line in caught.value.problems] == [
        str(lab / "hotlab.yaml"),
        str(lab.parent / "hotlab.toml"),
    ]


def test_a_named_file_goes_before_those_of_the_lab(lab: Path, tmp_path: Path) -> None:
    """With a file named explicitly, no other is looked for, not even two of them."""
    (lab / "hotlab.yaml").write_text("general: {name: a}")
    (lab / "hotlab.toml").write_text("")
    other = tmp_path / "other.yaml"
    other.write_text("general: {name: b, working_dir: data}")
    loaded = load_config(lab, config_file=other, environ={})
    assert loaded.config.general.name == "b"
    assert loaded.config.general.working_dir == tmp_path / "data"
    with pytest.raises(ConfigurationError, match="no such file"):
        load_config(lab, config_file=tmp_path / "absent.yaml", environ={})


def test_all_faults_are_told_at_once_with_file_line_and_key(lab: Path) -> None:
    """Unknown keys, wrong types and impossible values: a line each, all in one error."""
    text = """\
general:
  name: ""
  autorefresh: true
  auto_refresh: 1
refresh:
  drain_timeout: -3
  scope: some
brokr: {}
watching: 3
broker:
  threads: 1.5
  threads: 2
database:
  url: mysql://ada:secret@host/x
"""
    assert sorted(problems(lab, text)) == sorted(
        [
            "hotlab.yaml:2: general.name: must not be empty",
            "hotlab.yaml:3: general.autorefresh: unknown key; did you mean auto_refresh?",
            "hotlab.yaml:4: general.auto_refresh: must be true or false, not 1",
            "hotlab.yaml:6: refresh.drain_timeout: must be a positive number of seconds, not -3.0",
            "hotlab.yaml:7: refresh.scope: must be all, not the text 'some'",
            "hotlab.yaml:8: brokr: unknown section; did you mean broker?",
            "hotlab.yaml:9: watching: must be a section with keys, not 3",
            "hotlab.yaml:11: broker.threads: must be a whole number, not 1.5",
            "hotlab.yaml:12: broker.threads: given twice, first in line 11",
            "hotlab.yaml:14: database.url: must begin with sqlite:/// or postgresql+psycopg://, "
            "and is 'mysql://ada:***@host/x'",
        ]
    )


def test_the_error_is_a_hotlab_error_with_each_problem_on_a_line(lab: Path) -> None:
    """What the error says is its problems, so that a command can print it as it is."""
    (lab / "hotlab.yaml").write_text("a: 1\nb: 2\n")
    with pytest.raises(HotlabError) as caught:
        load(lab)
    assert isinstance(caught.value, ConfigurationError)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("general:\n  settle: [1\n", "hotlab.yaml:3: is not YAML"),
        ("- a\n- b\n", "hotlab.yaml:1: must be made of sections"),
        ("general:\n  name: !!python/name:os.system x\n", "hotlab.yaml:2: general.name: 'x' can't"),
        ("general:\n  name: !!int ''\n", "hotlab.yaml:2: general.name"),
        ("general:\n  working_dir: 2020-13-45\n", "hotlab.yaml:2: general.working_dir"),
        ("a: &x 1\n---\nb: 2\n", "hotlab.yaml:2: is not YAML"),
        ("general: *nowhere\n", "hotlab.yaml:1: is not YAML"),
        ("general: {[a]: 1}\n", "hotlab.yaml:1: general: a key must be"),
        ("[" * 1500, "hotlab.yaml: is nested too deeply"),
        (b"general:\n  name: \xff\n", "hotlab.yaml: is not UTF-8: byte 17 is 0xff"),
        (b"general:\x00\n", "hotlab.yaml: is not YAML"),
        ("general:\n  working_dir: 'a\\0b'\nbroker: {url: 'a\nb'}\n", "broker.url"),
    ],
)
def test_malformed_yaml_is_one_line(lab: Path, text: str | bytes, says: str) -> None:
    """Whatever is wrong with the file itself is one line, with the line number if there is one."""
    assert says in problems(lab, text)[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[general\n", "hotlab.toml: is not TOML"),
        ("general = 3\n", "hotlab.toml: general: must be a section with keys, not 3"),
        ("[general]\nname = ['a']\n", "hotlab.toml: general.name: must be text, not a list"),
        ("[general]\nname = 2020-01-01\n", "hotlab.toml: general.name: must be text"),
        ("[refresh]\ndrain_timeout = inf\n", "drain_timeout: must be a positive number"),
        ("[refresh]\ndrain_timeout = " + "9" * 5000, "hotlab.toml: "),
        ("[refresh]\ndrain_timeout = nan\n", "drain_timeout: must be a positive number"),
        ("x = " + "[" * 1500, "hotlab.toml: is nested too deeply"),
    ],
)
def test_malformed_toml_is_one_line(lab: Path, text: str, says: str) -> None:
    """The same for TOML, whose reader tells no lines."""
    found = problems(lab, text, name="hotlab.toml")
    assert len(found) == 1
    assert says in found[0]


def test_an_alabos_file_is_read_as_it_is(lab: Path) -> None:
    """AlabOS's own sections are accepted, and said to be ignored; auto_refresh counts."""
    (lab / "hotlab.toml").write_text(
        """
[general]
name = 'Alab'
working_dir = "."
auto_refresh = true
device_connect_timeout = 30

[mongodb]
host = 'localhost'
password = ''
[rabbitmq]
port = 5672
[alarm]
email_receivers = []
[large_result_storage]
default_storage_type = "gridfs"
[data_api.storage.aeris]
backend = "filesystem"
"""
    )
    loaded = load(lab)
    assert loaded.config.general.auto_refresh is True
    assert loaded.config.general.working_dir == lab
    assert [line.split(": ")[1] for line in loaded.ignored] == [
        "mongodb",
        "rabbitmq",
        "alarm",
        "large_result_storage",
        "data_api",
        "general.device_connect_timeout",
    ]


def test_variables_go_before_the_file(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A HOTLAB_SECTION_KEY variable overrides the file, and is named as the value's origin."""
    monkeypatch.chdir(lab.parent)
    (lab / "hotlab.yaml").write_text("general:\n  auto_refresh: false\n  name: a\n")
    loaded = load(
        lab,
        {
            "HOTLAB_GENERAL_AUTO_REFRESH": "true",
            "HOTLAB_GENERAL_WORKING_DIR": "here",
            "HOTLAB_REFRESH_DRAIN_TIMEOUT": "5",
            "HOTLAB_BROKER_THREADS": "7",
            "HOTLAB_REQUIRE_SERVICES": "1",
            "HOTLAB_LOG": "debug",
        },
    )
    assert loaded.config.general.auto_refresh is True
    assert loaded.config.general.working_dir == lab.parent / "here"
    assert loaded.config.refresh.drain_timeout == 5.0
    assert loaded.config.broker.threads == 7
    assert str(loaded.origins["general.auto_refresh"]) == "HOTLAB_GENERAL_AUTO_REFRESH"
    assert str(loaded.origins["general.name"]) == f"{lab}/hotlab.yaml:3"


def test_wrong_variables_are_told_with_the_faults_of_the_file(lab: Path) -> None:
    """Unknown variables of a known section, and values that don't fit, are problems like others."""
    (lab / "hotlab.yaml").write_text("general:\n  nam: a\n")
    with pytest.raises(ConfigurationError) as caught:
        load(
            lab,
            {
                "HOTLAB_GENERAL_AUTOREFRESH": "1",
                "HOTLAB_REFRESH_DRAIN_TIMEOUT": "soon",
                "HOTLAB_BROKER_THREADS": "0",
            },
        )
    assert sorted(caught.value.problems) == sorted(
        [
            f"{lab}/hotlab.yaml:2: general.nam: unknown key; did you mean name?",
            "HOTLAB_GENERAL_AUTOREFRESH: unknown; did you mean HOTLAB_GENERAL_AUTO_REFRESH?",
            "HOTLAB_REFRESH_DRAIN_TIMEOUT: must be a number, not the text 'soon'",
            "HOTLAB_BROKER_THREADS: must be more than 0, not 0",
        ]
    )


def test_a_relative_database_file_is_beside_the_configuration(lab: Path) -> None:
    """Where the store is does not depend on the folder from which a command is called."""
    (lab / "hotlab.yaml").write_text("database: {url: 'sqlite:///data/x.db?timeout=3'}")
    assert load(lab).config.database.url == f"sqlite:///{lab}/data/x.db?timeout=3"
    (lab / "hotlab.yaml").write_text("database: {url: 'sqlite://'}")
    with pytest.raises(ConfigurationError, match="must name a file"):
        load(lab)


def test_passwords_are_hidden(lab: Path) -> None:
    """No password of a URL is shown, wherever in the URL it stands."""
    (lab / "hotlab.yaml").write_text(
        "database: {url: 'postgresql+psycopg://ada:s3cr/et@h/x?sslpassword=s3cret2&a=1'}\n"
    )
    values = {item.key: item.value for item in shown_settings(load(lab))}
    assert values["database.url"] == "postgresql+psycopg://ada:***@h/x?sslpassword=***&a=1"
    assert hide_password("redis://:s3cret@h:1/0") == "redis://:***@h:1/0"
    (lab / "hotlab.yaml").write_text("broker: {url: 'redis://:s3cret@h:1/0'}")
    with pytest.raises(ConfigurationError, match=r"broker\.url: must be memory://") as refused:
        load(lab)
    assert "s3cret" not in str(refused.value)
    assert hide_password("sqlite:////a/b@c.db") == "sqlite:////a/b@c.db"


@pytest.mark.parametrize("name", ["hotlab.yaml", "hotlab.toml"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=80),
        st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(
            st.sampled_from(
                [
                    "general",
                    "name",
                    ": ",
                    "\n",
                    "  ",
                    "- ",
                    "{",
                    "}",
                    "[",
                    "]",
                    "!!int ",
                    "!!set ",
                    "&a ",
                    "*a",
                    "<<",
                    "?",
                    "|",
                    ">",
                    "'",
                    '"',
                    "1e999",
                    "0x",
                    "refresh",
                    " = ",
                    "#",
                    "!!timestamp ",
                    "!!bool ",
                    "!!binary ",
                    "drain_timeout",
                    "1:2",
                    "9" * 30,
                ]
            ),
            max_size=14,
        ).map(lambda parts: "".join(parts).encode()),
    )
)
def test_no_bytes_raise_anything_but_a_configuration_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes
) -> None:
    """Any bytes in a file give settings, or problems of one line each."""
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(data)
    found: tuple[str, ...] = ("none",)
    try:
        load_config(folder, config_file=file, environ={})
    except ConfigurationError as error:
        found = error.problems
    assert found
    assert all(len(line.splitlines()) == 1 for line in found)
