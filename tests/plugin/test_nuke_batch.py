"""Batch mode, as in `nuke -t`: learn and generate, wait, and an exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.nuke_stage import learn_node, mattes_node, nuke_with_plugin
from tests.support.servers import ServerUnderTest


def test_learn_generate_and_save(
    server: ServerUnderTest, stage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = stage / "batch" / "SEQ_070.nk"
    script.parent.mkdir()
    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", server.live.endpoint, gui=False
    ) as session:
        import nuke

        learn = learn_node(tmp_path / "stills")
        learn["smite_name"].setValue("batch")
        node = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008, model="")
        node.setInput(1, learn)
        nuke.scriptSaveAs(script.as_posix())
        from smite_nuke import batch

        assert batch.main([script.as_posix(), "--node", "SMITE_Learn1", "--learn", "--save"]) == 0
        arguments = [script.as_posix(), "--node", "SMITE_Mattes1", "--frames", "1001-1003"]
        assert batch.main([*arguments, "--save"]) == 0, session.printed
        assert "SMITE_Mattes1: done: 3 mattes" in session.printed
        assert session.messages == [], "nobody is there to read a window"
    layers = stage / "batch" / "smite" / "SEQ_070" / "layers"
    assert sorted(path.name for path in layers.iterdir()) == [
        f"SEQ_070_layers_v001.{number}.exr" for number in (1001, 1002, 1003)
    ]
    with nuke_with_plugin(monkeypatch, tmp_path / "home", server.live.endpoint, gui=False):
        import nuke

        nuke.scriptOpen(script.as_posix())
        nuke.frame(1002)
        shown = nuke.toNode("SMITE_Mattes1")
        assert shown.sample("body.alpha", 60, 40) > 0.5
        assert nuke.toNode("SMITE_Learn1")["smite_model"].value() == "batch_v001"


@pytest.mark.parametrize(
    ("endpoint", "node", "status", "says"),
    [
        pytest.param("", "SMITE_Mattes9", 2, "The script has no SMITE_Mattes", id="no node"),
        pytest.param("", "SMITE_Mattes1", 1, "unicorn", id="the job fails"),
        pytest.param(
            "tcp://127.0.0.1:9", "SMITE_Mattes1", 1, "No SMITE server answers", id="no server"
        ),
    ],
)
def test_exit_statuses(
    endpoint: str,
    node: str,
    status: int,
    says: str,
    server: ServerUnderTest,
    stage: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", endpoint or server.live.endpoint, gui=False
    ) as session:
        made = mattes_node(str(stage / "plate" / "cart.%04d.png"), 1001, 1008, model="unicorn")
        made["smite_shot"].setValue("batch")
        made["smite_out"].setValue((stage / "bad").as_posix())
        from smite_nuke import batch

        assert batch.generate(node) == status
        assert says in session.printed[-1]


def test_what_is_wrong_on_the_node_is_status_2(
    server: ServerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nuke_with_plugin(
        monkeypatch, tmp_path / "home", server.live.endpoint, gui=False
    ) as session:
        import nuke

        nuke.createNode("SMITE_Mattes")
        from smite_nuke import batch

        assert batch.generate("SMITE_Mattes1") == 2
        assert session.printed[-1].startswith("SMITE_Mattes1 has no plate")
        assert batch.main([(tmp_path / "none.nk").as_posix(), "--node", "x"]) == 2
