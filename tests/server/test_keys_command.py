"""Keys from the command line to a job: made, handed out, used, taken away; paths there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smite_protocol import Client, LearnSpec, MatteReady, SegmentSpec
from smite_protocol.errors import ConnectionProblem, EndpointRefused
from smite_protocol.keys import ClientKeys, ServerKeys
from smite_server.allow_list import read_allow_list
from smite_server.cli_app import run
from smite_server.config import ServerConfig
from smite_server.key_files import chosen_key
from tests.support import footage
from tests.support.servers import running_server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of our own; no key is named."""
    found = tmp_path / "home"
    monkeypatch.setenv("SMITE_HOME", str(found))
    monkeypatch.delenv("SMITE_KEY", raising=False)
    chosen_key.set(None)
    return found


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    """What a command writes; its exit status is ``status``."""
    assert run(arguments) == status
    out, err = capsys.readouterr()
    return out + err


class TestMaking:
    """`smite keys` and its files."""

    def test_server_user_list_revoke(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        said(capsys, "keys", "server")
        said(capsys, "keys", "user", "anna")
        server = ServerKeys.load(home / "keys" / "server.key")
        anna = ClientKeys.load(home / "keys" / "users" / "anna.key")
        assert anna.server == server.public
        assert read_allow_list(home / "keys" / "allowed") == {"anna": anna.public}
        users = json.loads(said(capsys, "keys", "list", "--json"))["users"]
        assert users == {"anna": anna.public}
        said(capsys, "keys", "revoke", "anna")
        assert read_allow_list(home / "keys" / "allowed") == {}
        assert "no user 'anna'" in said(capsys, "keys", "revoke", "anna", status=2)

    def test_nothing_is_replaced_unless_forced(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for command in (("keys", "server"), ("keys", "user", "anna")):
            said(capsys, *command)
            assert "--force" in said(capsys, *command, status=2)
        first = ClientKeys.load(home / "keys" / "users" / "anna.key")
        said(capsys, "keys", "user", "anna", "--force")
        second = ClientKeys.load(home / "keys" / "users" / "anna.key")
        assert first.public != second.public
        assert read_allow_list(home / "keys" / "allowed") == {"anna": second.public}

    @pytest.mark.parametrize("name", ["", "../x", "a b", "#x", "a/b", "é", "-x", "a" * 65])
    def test_names_that_cannot_be(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        said(capsys, "keys", "server")
        assert "cannot be a user's name" in said(capsys, "keys", "user", "--", name, status=2)

    def test_a_user_before_the_server(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "`smite keys server` makes one" in said(capsys, "keys", "user", "a", status=2)


class TestStarting:
    """A server on other machines' interfaces has keys, or does not start."""

    @pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:0", "tcp://*:5771", "tcp://10.0.0.1:1"])
    def test_refused_without_keys(self, home: Path, endpoint: str) -> None:
        with pytest.raises(EndpointRefused, match=r"smite keys server.*smite keys user NAME"):
            ServerConfig(home=home, endpoint=endpoint)

    def test_the_keys_of_the_command_are_found(
        self, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said(capsys, "keys", "server")
        config = ServerConfig(home=home, endpoint="tcp://*:0")
        assert config.keys == home / "keys" / "server.key"
        assert ServerConfig(home=home).keys is None
        assert ServerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_the_way_of_a_key_and_of_paths(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On all interfaces, with a user's file, and the paths of a Windows desk."""
    stage = tmp_path / "stage"
    footage.write_references(stage / "refs")
    footage.write_plate(stage / "plate", 3)
    said(capsys, "keys", "server")
    said(capsys, "keys", "user", "anna")
    anna = home / "keys" / "users" / "anna.key"
    with running_server(
        home, endpoint="tcp://0.0.0.0:0", roots=(stage,), path_map=(("P:\\shows", str(stage)),)
    ) as server:
        here = f"tcp://127.0.0.1:{server.live.endpoint.rpartition(':')[2]}"
        with pytest.raises(ConnectionProblem):
            Client(here, timeout=1.0).connect()
        with Client(here, keys=ClientKeys.load(anna)) as client:
            assert client.server.user == "anna"
            client.wait(client.submit(LearnSpec(name="cart", refs="p:/shows/refs")))
            job = client.submit(
                SegmentSpec(model="cart", plate="P:\\shows\\plate", out="P:\\shows\\out", shot="s")
            )
            events = list(client.watch(job))
            mattes = [event.path for event in events if isinstance(event, MatteReady)]
            result = client.job(job).result
            assert client.job(job).user == "anna"
        assert len(mattes) == 3 * len(result["parts"])
        for path in [*mattes, *result["files"].values(), result["report"]]:
            assert path.startswith("P:\\shows\\out\\s\\"), path
        for path in mattes:
            assert (stage / path.removeprefix("P:\\shows\\").replace("\\", "/")).is_file()
        listed = said(capsys, "jobs", "--server", here, "--key", str(anna), "--json")
        assert {found["name"] for found in json.loads(listed)["jobs"]} == {"cart", "s"}
        chosen_key.set(None)
        refused = said(capsys, "jobs", "--server", here, status=2)
        assert "wants a key" in refused
        (home / "keys" / "client.key").write_bytes(anna.read_bytes())
        (home / "keys" / "client.key").chmod(0o600)
        assert "cart" in said(capsys, "jobs")
