"""An artifact goes to the Hub where Sentence Transformers looks for it; proven on a stand-in for the Hub's API."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import factories
import pytest
from hub_server import Hub, Repository, hub_server

from advisor.artifact.push import push
from advisor.document import to_dict
from advisor.errors import InputError, MissingExtraError
from advisor.types import Artifact, ArtifactFile

pytest.importorskip("huggingface_hub", reason="pushes")

CONFIG = json.dumps({"model_type": "bert", "hidden_size": 32})
MODEL = {"config.json": CONFIG, "modules.json": "[]", "tokenizer.json": "{}", "1_Pooling/config.json": "{}"}
CARD = "---\ntags:\n- mine\n---\n# the card\n"
GRAPH = "openvino/openvino_model_qint8_quantized.xml"
OPENVINO = {GRAPH: "<net/>", GRAPH.replace(".xml", ".bin"): "weights"}


def artifact(folder: Path, graph: dict[str, str] | None = None, *, root: str = "", **settings: str) -> Path:
    """An artifact of small files that nobody loads; the first of `graph` runs."""
    graph = OPENVINO if graph is None else graph
    files = {**MODEL, **graph, "README.md": CARD}
    if root:
        modules = [{"idx": 0, "name": "0", "path": root, "type": "sentence_transformers.models.Transformer"}]
        files = {
            **{name: text for name, text in files.items() if name not in ("config.json", *graph)},
            **{f"{root}/{name}": text for name, text in {"config.json": CONFIG, **graph}.items()},
            "modules.json": json.dumps(modules),
        }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    listed = tuple(
        ArtifactFile(name=name, sha256=hashlib.sha256(text.encode()).hexdigest(), size_bytes=len(text))
        for name, text in sorted(files.items())
    )
    file = next((f"{root}/{name}".lstrip("/") for name in graph), None)
    runtime = "torch" if file is None else "openvino" if file.endswith(".xml") else "onnx"
    manifest = to_dict(replace(factories.confirmed(), artifact=Artifact(path=Path("."), files=listed))) | {
        "encoder": {"runtime": runtime, "file": file, "settings": {"threads": 2} | settings},
        "reference": {},
    }
    (folder / "advisor.json").write_text(json.dumps(manifest))
    (folder / ".cache").mkdir()
    (folder / ".cache" / "compiled.blob").write_text("what was compiled")
    (folder / "report.html").write_text("<html>")
    (folder / "tickets.jsonl").write_text('{"body": "a text of the user"}')
    return folder


def repository(**files: str) -> Repository:
    return Repository(branches={"main": {name.replace("__", "/"): text.encode() for name, text in files.items()}})


def with_model(**more: str) -> Repository:
    found = repository(**more)
    found.branches["main"] |= {name: text.encode() for name, text in MODEL.items()}
    return found


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class Bench:
    """The command line in a process of its own, with the stand-in for the Hub."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder

    def push(self, *args: str, **env: str) -> Done:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
            "HF_ENDPOINT": self.hub.url,
            "HF_HOME": str(self.folder / "hf-home"),
            "HF_HUB_DISABLE_XET": "1",  # the stand-in speaks the older protocol alone
            "HF_TOKEN": "hf_mine",
            **env,
        }
        done = subprocess.run(
            [sys.executable, "-m", "advisor.cli", "push", *args],
            env={name: value for name, value in environment.items() if value},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with hub_server() as hub:
        yield Bench(hub, tmp_path)


def names(files: dict[str, bytes]) -> set[str]:
    return set(files)


def test_a_repository_with_the_model_gets_the_graph_alone_where_sentence_transformers_looks_for_it(
    bench: Bench, tmp_path: Path
) -> None:
    bench.hub.repositories["me/model"] = with_model(**{"README.md": "# theirs", "openvino__openvino_model.xml": "old"})
    before = dict(bench.hub.repositories["me/model"].branches["main"])
    done = bench.push(str(artifact(tmp_path / "a", inference_precision="f32")), "me/model")
    assert (done.code, done.err) == (0, "")
    after = bench.hub.repositories["me/model"].branches["main"]
    assert after == before | {name: text.encode() for name, text in OPENVINO.items()}
    assert bench.hub.commits[0]["summary"] == "Add openvino-qint8, written by backend-advisor"
    assert (
        'SentenceTransformer("me/model", backend="openvino", '
        'model_kwargs={"file_name": "openvino_model_qint8_quantized.xml", '
        '"ov_config": {"INFERENCE_PRECISION_HINT": "f32"}})' in done.out
    )
    assert f"See     {bench.hub.url}/me/model/commit/" in done.out


def test_an_empty_repository_gets_the_whole_artifact_and_nothing_else_in_the_folder(
    bench: Bench, tmp_path: Path
) -> None:
    bench.hub.repositories["me/model"] = repository(**{".gitattributes": "*.bin filter=lfs"})
    done = bench.push(str(artifact(tmp_path / "a")), "me/model")
    assert (done.code, done.err) == (0, "")
    files = bench.hub.repositories["me/model"].branches["main"]
    assert names(files) == {*MODEL, *OPENVINO, "README.md", "advisor.json", ".gitattributes"}
    secrets = b"a text of the user", b"what was compiled"
    assert not any(word in content for content in files.values() for word in secrets)
    assert files["advisor.json"] == (tmp_path / "a" / "advisor.json").read_bytes()


def test_a_card_that_is_there_stays_and_the_manifest_does_not_vouch_for_it(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["me/model"] = repository(**{"README.md": "# theirs"})
    assert bench.push(str(artifact(tmp_path / "a")), "me/model").code == 0
    files = bench.hub.repositories["me/model"].branches["main"]
    assert files["README.md"] == b"# theirs"
    listed = {file["name"] for file in json.loads(files["advisor.json"])["artifact"]["files"]}
    assert listed == {*MODEL, *OPENVINO}


def test_a_dry_run_lists_each_file_with_its_size_and_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["me/model"] = with_model(**{GRAPH.replace("/", "__"): "older"})
    done = bench.push(str(artifact(tmp_path / "a")), "me/model", "--dry-run")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == "2 files, 13 B would go to me/model, which holds the model"
    assert lines[1].split() == [GRAPH.replace(".xml", ".bin"), "7", "B"]
    assert lines[2].split() == [GRAPH, "6", "B", "replaces", "the", "one", "there"]
    assert not [asked for asked in bench.hub.asked if not asked.startswith(("GET", "HEAD"))]


def test_a_dry_run_needs_neither_a_token_nor_a_connection(bench: Bench, tmp_path: Path) -> None:
    folder = str(artifact(tmp_path / "a"))
    bench.hub.repositories["me/model"] = with_model()
    assert bench.push(folder, "me/model", "--dry-run", HF_TOKEN="").code == 0
    offline = bench.push(folder, "me/model", "--dry-run", HF_HUB_OFFLINE="1")
    gone = bench.push(folder, "me/model", "--dry-run", HF_ENDPOINT="http://127.0.0.1:9")
    for done, why in ((offline, "HF_HUB_OFFLINE is set."), (gone, "Hugging Face cannot be reached: ")):
        assert (done.code, done.err) == (0, "")
        assert why in done.out
        assert "8 files" in done.out
        assert done.out.count("\n  ") == 8


def test_the_dry_run_and_the_push_as_json_list_the_same_files(bench: Bench, tmp_path: Path) -> None:
    folder = str(artifact(tmp_path / "a"))
    bench.hub.repositories["me/model"] = repository()
    dry, real = (json.loads(bench.push(folder, "me/model", "--json", *more).out) for more in (["--dry-run"], []))
    assert dry["schema"] == {"name": "advisor.push", "version": "1.0"}
    assert (dry["url"], dry["dry_run"], dry["has_model"], dry["creates"]) == (None, True, False, False)
    assert dry["files"] == real["files"]
    assert {file["path"] for file in real["files"]} == names(bench.hub.repositories["me/model"].branches["main"])
    assert real["url"].startswith(f"{bench.hub.url}/me/model/commit/")


def test_a_pull_request_leaves_main_alone_and_is_open_to_all(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["others/model"] = with_model()
    done = bench.push(str(artifact(tmp_path / "a")), "others/model", "--create-pr", "-q")
    assert (done.code, done.out) == (0, f"{bench.hub.url}/others/model/discussions/1\n")
    branches = bench.hub.repositories["others/model"].branches
    assert names(branches["main"]) == set(MODEL)
    assert names(branches["refs/pr/1"]) == {*MODEL, *OPENVINO}


def test_a_revision_is_the_branch_that_is_asked_and_committed_to(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["me/model"] = with_model()
    bench.hub.repositories["me/model"].branches["try/1"] = {}
    done = bench.push(str(artifact(tmp_path / "a")), "me/model", "--revision", "try/1")
    assert done.code == 0
    assert 'revision="try/1"' in done.out
    branches = bench.hub.repositories["me/model"].branches
    assert names(branches["main"]) == set(MODEL)
    assert GRAPH in branches["try/1"]
    assert "config.json" in branches["try/1"], "that branch held no model"


def test_private_makes_a_repository_that_is_missing_and_refuses_a_public_one(bench: Bench, tmp_path: Path) -> None:
    folder = str(artifact(tmp_path / "a"))
    dry = bench.push(folder, "me/new", "--private", "--dry-run")
    assert "a new private repository" in dry.out
    assert bench.hub.repositories == {}
    assert bench.push(folder, "me/new", "--private").code == 0
    assert bench.hub.repositories["me/new"].private
    assert GRAPH in bench.hub.repositories["me/new"].branches["main"]
    bench.hub.repositories["me/public"] = with_model()
    refused = bench.push(folder, "me/public", "--private")
    assert refused.code == 2
    assert "is public, and --private was given" in refused.err


def test_the_same_push_again_says_that_nothing_was_pushed(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["me/model"] = with_model()
    folder = str(artifact(tmp_path / "a"))
    assert bench.push(folder, "me/model").code == 0
    done = bench.push(folder, "me/model")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("me/model holds these very files: nothing was pushed.")
    assert len(bench.hub.commits) == 1


def test_a_graph_goes_into_the_folder_of_the_repositorys_own_transformer(bench: Bench, tmp_path: Path) -> None:
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    theirs = repository(
        **{"modules.json": json.dumps(modules), "0_Transformer__config.json": CONFIG, "config.json": "{}"}
    )
    bench.hub.repositories["me/old"] = theirs
    assert bench.push(str(artifact(tmp_path / "flat")), "me/old").code == 0
    assert f"0_Transformer/{GRAPH}" in theirs.branches["main"]
    bench.hub.repositories["me/flat"] = with_model()
    assert bench.push(str(artifact(tmp_path / "deep", root="0_Transformer")), "me/flat").code == 0
    assert GRAPH in bench.hub.repositories["me/flat"].branches["main"]


def test_weights_beside_an_onnx_graph_go_with_it(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["me/model"] = with_model()
    graph = {"onnx/model.onnx": "graph", "onnx/model.onnx_data": "weights"}
    assert bench.push(str(artifact(tmp_path / "a", graph)), "me/model").code == 0
    assert names(bench.hub.repositories["me/model"].branches["main"]) == {*MODEL, *graph}


def test_a_torch_winner_goes_to_an_empty_repository_only(bench: Bench, tmp_path: Path) -> None:
    folder = str(artifact(tmp_path / "a", {}, dtype="bfloat16"))
    bench.hub.repositories |= {"me/model": with_model(), "me/empty": repository()}
    refused = bench.push(folder, "me/model")
    assert refused.code == 2
    assert "holds a model already: there is nothing to push." in refused.err
    done = bench.push(folder, "me/empty")
    assert 'SentenceTransformer("me/empty", model_kwargs={"dtype": "bfloat16"})' in done.out


@pytest.mark.parametrize(
    ("repo", "args", "env", "code", "said"),
    [
        ("me/model", (), {"HF_TOKEN": ""}, 3, "needs a token of Hugging Face: there is none. Run: hf auth login"),
        ("me/model", (), {"HF_TOKEN": "hf_wrong"}, 3, "Hugging Face does not accept your token. Run: hf auth login"),
        ("me/model", (), {"HF_HUB_OFFLINE": "1"}, 3, "needs the Hub, and HF_HUB_OFFLINE is set. Unset it, or add"),
        ("me/model", (), {"HF_ENDPOINT": "http://127.0.0.1:9"}, 3, "Hugging Face cannot be reached: "),
        ("me/modle", (), {}, 3, "There is no repository me/modle, or your token may not see it."),
        ("me/modle", ("--dry-run",), {}, 3, "There is no repository me/modle, or your token may not see it."),
        ("others/model", (), {}, 3, "Your token has no right to write to others/model. Run: hf auth login"),
        ("me/model", ("--revision", "nope"), {}, 3, "The repository me/model has no revision 'nope'. Make the branch"),
        ("me/other", (), {}, 2, "holds another model: its hidden_size is 768, and 32 in the artifact."),
        ("model", (), {}, 2, "'model' is no repository's name. Write owner/name"),
        ("me/new", ("--private", "--create-pr"), {}, 2, "A pull request needs a repository that is there."),
        ("others/new", ("--private",), {}, 3, "Your token has no right to write to others/new."),
    ],
)
def test_what_cannot_be_pushed_is_told_in_one_sentence_and_leaves_the_hub_alone(
    bench: Bench, tmp_path: Path, repo: str, args: tuple[str, ...], env: dict[str, str], code: int, said: str
) -> None:
    other = json.dumps({"model_type": "bert", "hidden_size": 768})
    bench.hub.repositories |= {
        "me/model": with_model(),
        "others/model": with_model(),
        "me/other": repository(**{"config.json": other}),
    }
    done = bench.push(str(artifact(tmp_path / "a")), repo, *args, **env)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert bench.hub.commits == []
    assert bench.hub.stored == {}


def test_hashes_are_checked_before_the_hub_is_asked_anything(bench: Bench, tmp_path: Path) -> None:
    bench.hub.repositories["me/model"] = with_model()
    folder = artifact(tmp_path / "a")
    (folder / GRAPH).write_text("<not/>")
    done = bench.push(str(folder), "me/model")
    assert done.code == 1
    assert f"{GRAPH} in the artifact" in done.err
    assert "is not the file that was written" in done.err or "instead of" in done.err
    assert bench.push(str(tmp_path / "nowhere"), "me/model").code == 2
    assert bench.hub.asked == []


def test_without_huggingface_hub_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"backend-advisor\[profile\]"):
        push(artifact(tmp_path / "a"), "me/model")


@pytest.mark.parametrize("name", ["", "owner/", "/name", "a/b/c", "owner name/x", "../x", "https://hub/owner/name"])
def test_what_is_no_repositorys_name_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Write owner/name"):
        push(tmp_path / "nowhere", name)


@pytest.mark.parametrize("card", [{}, {"README.md": "# theirs"}], ids=["no card", "a card of its own"])
def test_what_was_pushed_to_an_empty_repository_loads_and_gives_the_same_embeddings(
    bench: Bench, tmp_path: Path, card: dict[str, str]
) -> None:
    pytest.importorskip("sentence_transformers", reason="builds the model")
    import numpy as np
    import test_artifact
    import tiny_models

    import advisor

    folder = test_artifact.write(tmp_path)
    (folder / "README.md").write_text(CARD)
    manifest = json.loads((folder / "advisor.json").read_text())
    for file in manifest["artifact"]["files"]:
        if file["name"] == "README.md":
            file |= {"sha256": hashlib.sha256(CARD.encode()).hexdigest(), "size_bytes": len(CARD)}
    (folder / "advisor.json").write_text(json.dumps(manifest))
    bench.hub.repositories["me/model"] = repository(**card)
    assert bench.push(str(folder), "me/model").code == 0
    for name, content in bench.hub.repositories["me/model"].branches["main"].items():
        path = tmp_path / "downloaded" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    texts = list(tiny_models.TEXTS)
    with advisor.load(folder) as before, advisor.load(tmp_path / "downloaded") as after:
        np.testing.assert_array_equal(before.encode(texts), after.encode(texts))
