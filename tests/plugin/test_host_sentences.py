"""What an artist reads, for everything that can go wrong: from the table, over a real server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smite_hosts import TABLE, Answer, HostProblem, HostQueue, Session, problem_of
from smite_hosts.job_status import FAILED
from smite_protocol import LearnSpec
from smite_protocol.errors import BadPlate, error_classes
from smite_protocol.keys import ClientKeys, ServerKeys, new_pair
from tests.plugin.conftest import MakeSession
from tests.plugin.test_host_jobs import Listener, run, spec
from tests.support import footage
from tests.support.raw_server import Out, RawServer
from tests.support.servers import ServerUnderTest, running_server


@pytest.mark.parametrize("key", sorted(TABLE))
def test_every_sentence_is_one_and_says_what_to_do(key: str) -> None:
    sentence = TABLE[key]
    if key != "other":
        assert sentence.text[0].isupper() or sentence.text[0] == "{"
    assert sentence.why.endswith(".")
    assert sentence.remedy.endswith(".")
    for word in ("--", "smite serve", "traceback"):
        assert word not in sentence.text, "an artist has nodes and a panel, no command line"


@pytest.mark.parametrize("kind", list(error_classes()), ids=lambda kind: kind.code)
def test_every_error_of_the_protocol_becomes_a_sentence(kind: Callable[[str], object]) -> None:
    error = kind("What is wrong, and what would be right.")
    found = problem_of(error, server="tcp://s:1", key_file="/k", job="j", path="/p")  # type: ignore[arg-type]
    assert found.key in TABLE
    assert "{" not in found.message
    assert found.__cause__ is error


def test_options_of_the_command_line_are_plain_words() -> None:
    error = BadPlate("Frame 3 of shot-a--b is missing; give it, or use --on-missing hold.")
    assert problem_of(error).message == (
        "The plate cannot be used: Frame 3 of shot-a--b is missing; give it, or use on missing"
        " hold."
    )


def ask(session: Session, queue: HostQueue) -> Answer:
    answers: list[Answer] = []
    session.check(answers.append)
    assert queue.run_until(lambda: bool(answers), 20.0)
    return answers[0]


def test_server_that_is_there(
    server: ServerUnderTest, make_session: MakeSession, queue: HostQueue
) -> None:
    answer = ask(make_session(server.live.endpoint), queue)
    assert answer.good
    assert str(answer.value).startswith(f"connected to {server.live.endpoint}: version ")


def test_no_server(make_session: MakeSession, queue: HostQueue) -> None:
    answer = ask(make_session("tcp://127.0.0.1:9"), queue)
    assert answer.key == "server_unreachable"
    assert answer.message == (
        "No SMITE server answers at tcp://127.0.0.1:9: it is not running, or the address in the"
        " SMITE preferences is another one."
    )


def test_a_server_that_was_restarted_is_found_again(
    tmp_path: Path, make_session: MakeSession, queue: HostQueue
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with running_server(home, private=False) as first:
        session = make_session(first.live.endpoint)
        assert ask(session, queue).good
        first.kill()
        assert ask(session, queue).key == "server_unreachable"
    with running_server(home, private=False, endpoint=first.live.endpoint):
        assert ask(session, queue).good


def test_another_machine_needs_a_key(make_session: MakeSession, queue: HostQueue) -> None:
    answer = ask(make_session("tcp://render01:5771"), queue)
    assert answer.key == "key_needed"


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[tuple[ServerUnderTest, ServerKeys]]:
    """A server with keys, which allows nobody."""
    home = tmp_path / "home"
    home.mkdir()
    keys = ServerKeys(*new_pair())
    keys.save(home / "server.key")
    allowed = home / "allowed.txt"
    allowed.write_text("")
    options = {"keys": home / "server.key", "allow_list": allowed, "private": False}
    with running_server(home, **options) as found:
        yield found, keys


def test_wrong_keys(
    locked: tuple[ServerUnderTest, ServerKeys],
    tmp_path: Path,
    make_session: MakeSession,
    queue: HostQueue,
) -> None:
    server, keys = locked
    mine = tmp_path / "mine.key"
    ClientKeys(*new_pair(), keys.public).save(mine)
    answer = ask(make_session(server.live.endpoint, key=str(mine)), queue)
    assert answer.key == "wrong_key"
    assert answer.message.startswith(
        f"The SMITE server at {server.live.endpoint} does not know the key {mine}:"
    )
    others = tmp_path / "others.key"
    ClientKeys(*new_pair(), new_pair()[0]).save(others)
    answer = ask(make_session(server.live.endpoint, key=str(others)), queue)
    assert answer.key == "server_unreachable_with_key"
    answer = ask(make_session(server.live.endpoint, key=str(tmp_path / "none")), queue)
    assert answer.key == "bad_key_file"


def test_another_version(make_session: MakeSession, queue: HostQueue) -> None:
    with RawServer() as other:
        refusal = "This server speaks protocol 90 to 91."
        other.answers["hello"] = lambda _: [
            Out("error", {"code": "version_mismatch", "message": refusal})
        ]
        answer = ask(make_session(other.endpoint), queue)
    assert answer.key == "version_mismatch"
    assert answer.message == (
        f"This plugin and the SMITE server at {other.endpoint} are of different versions: {refusal}"
    )


def test_a_plate_that_nobody_sees(
    server: ServerUnderTest, tmp_path: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::path", listener)
    controller.start(spec(tmp_path / "nowhere", tmp_path / "out"), "node")
    status = run(queue, controller, listener)
    assert (status.phase, status.key) == (FAILED, "path_not_visible")
    assert str(tmp_path / "nowhere") in status.message


def test_an_empty_part(
    server: ServerUnderTest, tmp_path: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    refs = footage.write_references(tmp_path / "refs")
    for mask in (refs / "masks").iterdir():
        _, labels = footage.cart(8)
        labels[labels == 2] = 0
        footage.write_labels(mask, labels)
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::empty", listener)
    controller.start(LearnSpec(name="empty", refs=str(refs), parts=footage.PARTS), "node")
    status = run(queue, controller, listener)
    assert (status.phase, status.key) == (FAILED, "empty_part")
    assert status.message.startswith("A part is not painted where it should be:")
    assert re.search("left wheel", status.message)


def test_a_model_that_is_not_there(
    server: ServerUnderTest, stage: Path, queue: HostQueue, make_session: MakeSession
) -> None:
    listener = Listener()
    controller = make_session(server.live.endpoint).controller("script::model", listener)
    controller.start(spec(stage, stage / "none", model="unicorn"), "node")
    status = run(queue, controller, listener)
    assert (status.phase, status.key) == (FAILED, "unknown_model")
    assert "unicorn" in status.message


def test_a_job_that_the_server_has_forgotten(
    server: ServerUnderTest, queue: HostQueue, make_session: MakeSession
) -> None:
    from smite_hosts import JobPlace

    listener = Listener()
    session = make_session(server.live.endpoint)
    controller = session.controller("script::forgotten", listener)
    controller.follow(JobPlace(session.endpoint, "0123456789ab", "segment"), "node")
    status = run(queue, controller, listener)
    assert (status.phase, status.key) == (FAILED, "job_forgotten")


def test_sentences_written_already_keep_their_key() -> None:
    with pytest.raises(HostProblem, match="as it was said") as caught:
        Answer(key="wrong_key", message="as it was said").check()
    assert caught.value.key == "wrong_key"
