"""The configuration: its three sources, its errors all at once, its sample file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from smite_protocol.errors import BadInput, BadPath, EndpointRefused
from smite_server.config import Limits, ServerConfig, Timing
from smite_server.config_fields import BadConfig, describe, plain, read_text, settings_of
from smite_server.config_sources import effective, load_config
from tests.support.servers import REPOSITORY

SAMPLE = REPOSITORY / "docs" / "server.toml"
SETTINGS = {setting.key: setting for setting in settings_of(ServerConfig)}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder without a configuration."""
    monkeypatch.setenv("SMITE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def write(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text)
    return path


class TestSources:
    """File, then environment, then flags."""

    @pytest.mark.parametrize(
        ("file", "variables", "flags", "threads", "source"),
        [
            pytest.param("", {}, {}, 0, "default", id="nothing: the default"),
            pytest.param("threads = 1", {}, {}, 1, "FILE, threads", id="the file over the default"),
            pytest.param(
                "threads = 1",
                {"SMITE_SERVER_THREADS": "2"},
                {},
                2,
                "SMITE_SERVER_THREADS",
                id="the environment over the file",
            ),
            pytest.param(
                "threads = 1",
                {"SMITE_SERVER_THREADS": "2"},
                {"threads": "3"},
                3,
                "--threads",
                id="a flag over both",
            ),
        ],
    )
    def test_the_later_wins(
        self,
        tmp_path: Path,
        file: str,
        variables: dict[str, str],
        flags: dict[str, Any],
        threads: int,
        source: str,
    ) -> None:
        path = write(tmp_path, file)
        loaded = load_config(path, variables, flags)
        assert loaded.config.threads == threads
        assert loaded.sources["threads"] == source.replace("FILE", str(path))

    def test_the_file_of_the_home_is_found(self, home: Path) -> None:
        write(home, "[limits]\nmax_frames = 7\n")
        assert load_config(None, {}, {}).config.limits == Limits(max_frames=7)

    def test_paths_of_a_file_start_at_its_folder(self, tmp_path: Path) -> None:
        (tmp_path / "shows").mkdir()
        config = load_config(write(tmp_path, 'roots = ["shows"]\nspool = "s"'), {}, {}).config
        assert config.roots == (tmp_path / "shows",)
        assert config.spool == tmp_path / "s"

    def test_lists_of_paths(self, tmp_path: Path) -> None:
        one, two = tmp_path / "one", tmp_path / "two, with a comma"
        one.mkdir()
        two.mkdir()
        variable = {"SMITE_SERVER_ROOTS": os.pathsep.join([str(one), str(two)])}
        assert load_config(None, variable, {}).config.roots == (one, two)
        assert load_config(None, {}, {"roots": [str(two)]}).config.roots == (two,)

    def test_every_setting_can_be_given_in_the_environment(self) -> None:
        values = plain(ServerConfig())
        variables = {}
        for setting in SETTINGS.values():
            value: Any = values
            for name in setting.path:
                value = value[name]
            text = os.pathsep.join(value) if isinstance(value, list) else str(value)
            variables[setting.variable] = "" if value is None else text
        loaded = load_config(None, variables, {})
        assert loaded.config == ServerConfig()
        assert set(loaded.sources.values()) == set(variables)

    def test_a_configuration_survives_its_own_words(self, tmp_path: Path) -> None:
        config = ServerConfig(roots=(tmp_path,), limits=Limits(max_frames=3), http="localhost:0")
        assert ServerConfig.from_dict(config.to_dict()) == config


class TestErrors:
    """All of them at once, each with place, what is wrong and what would be right."""

    def test_all_in_one_message(self, tmp_path: Path) -> None:
        path = write(
            tmp_path,
            'endpoint = "tcp://8.8.8.8:1"\nthread = 2\nroots = ["none"]\n'
            "[limits]\nmax_frames = 0\nmax_clients = -1\n[timing]\nheartbeat = true\n",
        )
        variables = {"SMITE_SERVER_LIMITS__MAX_OPEN_JOBS": "many", "SMITE_SERVER_HTP": "x"}
        with pytest.raises(BadInput) as caught:
            load_config(path, variables, {"threads": "-1", "http": "0.0.0.0:80"})
        lines = caught.value.message.splitlines()
        assert lines[0] == "The configuration has 10 errors:"
        told = [line.replace(str(path), "FILE") for line in lines[1:]]
        expected = [
            "FILE, thread: there is no such key; did you mean threads?",
            "FILE, timing.heartbeat: it is true; it must be a number.",
            "SMITE_SERVER_HTP: there is no such environment variable; did you mean SMITE_SERVER_H",
            'SMITE_SERVER_LIMITS__MAX_OPEN_JOBS: it is "many"; it must be a whole number.',
            "FILE, limits.max_frames: max_frames is 0; it must be at least 1.",
            "FILE, limits.max_clients: max_clients is -1; it must be at least 1.",
            "FILE, endpoint: The endpoint tcp://8.8.8.8:1 is not on this machine",
            f"FILE, roots: The root {tmp_path / 'none'} does not exist",
            "--threads: threads is -1; it must be 0 (all cores) or more.",
            "--http: The status page cannot be served at 0.0.0.0:80: it asks nobody who they are",
        ]
        for line in expected:
            assert any(found.startswith(line) for found in told), (line, told)

    def test_the_command_says_them_and_ends_with_2(self, tmp_path: Path, home: Path) -> None:
        path = write(tmp_path, "threads = -1\n[log]\nfiles = 0\n")
        found = serve("--config", str(path), "--check")
        assert found.returncode == 2
        assert found.stdout == ""
        assert found.stderr.startswith("smite: The configuration has 2 errors:\n")
        assert "log.files: files is 0; it must be at least 1." in found.stderr

    def test_a_single_error_is_itself(self) -> None:
        with pytest.raises(EndpointRefused) as caught:
            ServerConfig(endpoint="tcp://nowhere")
        assert isinstance(caught.value.__cause__, BadConfig)
        with pytest.raises(BadConfig, match="has 2 errors") as several:
            Timing(heartbeat=0, worker_start=-1)
        assert [key for key, _ in several.value.problems] == ["heartbeat", "worker_start"]

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(BadPath, match=r"none\.toml cannot be read"):
            load_config(tmp_path / "none.toml", {}, {})
        with pytest.raises(BadInput, match=r"server\.toml: it is not TOML"):
            load_config(write(tmp_path, "threads = "), {}, {})

    @pytest.mark.parametrize(
        ("text", "kind", "value"),
        [
            pytest.param("yes", bool, True, id="bool: yes"),
            pytest.param("1_000", int, 1000, id="int: with underscores"),
            pytest.param("2", float, 2.0, id="float: a whole number"),
            pytest.param("", int | None, None, id="nothing is none"),
            pytest.param("a, b", tuple[str, ...], ("a", "b"), id="texts: separated by commas"),
            pytest.param(
                '[["P:", "/p"]]',
                tuple[tuple[str, str], ...],
                (("P:", "/p"),),
                id="pairs: as in the file",
            ),
        ],
    )
    def test_texts_become_values(self, text: str, kind: Any, value: Any) -> None:
        assert read_text(text, kind) == value

    @pytest.mark.parametrize("kind", [bool, int, float, tuple[tuple[str, str], ...]])
    def test_texts_that_cannot(self, kind: Any) -> None:
        with pytest.raises(ValueError, match=re.escape(describe(kind))):
            read_text("nan?", kind)


class TestCheck:
    """`smite serve --check` shows what is in effect, as a file."""

    def test_what_it_shows_means_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "shows").mkdir()
        given = 'roots = ["shows"]\nspool = "sp\\"ool"\n[limits]\nmax_frames = 9\n'
        first = load_config(write(tmp_path, given), {"SMITE_SERVER_THREADS": "2"}, {})
        shown = effective(first)
        assert load_config(write(tmp_path, shown), {}, {}).config == first.config
        assert re.search(r"^threads = 2 +# SMITE_SERVER_THREADS$", shown, re.MULTILINE)

    def test_secrets_are_hidden(self, home: Path) -> None:
        write(home, 'token = "do not tell"')
        found = serve("--check", "--limits-max-frames", "5")
        assert found.returncode == 0, found.stderr
        assert "do not tell" not in found.stdout
        shown = tomllib.loads(found.stdout)
        assert shown["token"] == "(hidden)"
        assert shown["limits"]["max_frames"] == 5


class TestSampleFile:
    """docs/server.toml."""

    def test_it_is_the_default(self) -> None:
        assert load_config(SAMPLE, {}, {}).config == ServerConfig()

    def test_it_names_every_key_and_no_other(self) -> None:
        text = SAMPLE.read_text()
        named, table = set(), ""
        for line in text.splitlines():
            if header := re.fullmatch(r"\[(\w+)\]", line):
                table = f"{header[1]}."
            elif entry := re.match(r"(?:# )?(\w+) = ", line):
                named.add(table + entry[1])
        missing = sorted(set(SETTINGS) - named)
        lines = [f"{key} = {SETTINGS[key].default!r}" for key in missing]
        assert not missing, f"docs/server.toml lacks {lines}"
        assert named <= set(SETTINGS)


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smite_server.cli", "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        cwd=REPOSITORY,
    )
