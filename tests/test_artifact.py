"""The artifact: written whole or not at all, and it proves itself in a fresh process."""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import factories
import jsonschema
import numpy as np
import pytest
import tiny_models

from advisor.artifact import Winner, check_target, verify, write_artifact
from advisor.artifact.agreement import agreement_for
from advisor.artifact.layout import check_tokenizer, copy_model_files
from advisor.encode import load
from advisor.encode.manifest import read_manifest
from advisor.encode.modules import read_pipeline
from advisor.errors import ArtifactError, InputError
from advisor.texts import reference_texts
from advisor.types import Exported, ModelProfile, Recommendation, Runtime, RuntimeSettings

SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "recommendation.schema.json").read_text())
FILES = {"onnx": "onnx/model.onnx", "openvino": "openvino/openvino_model.xml", "torch": None}
TEXTS = reference_texts()


def exported(runtime: Runtime, model: Path, folder: Path) -> Exported:
    file = FILES[runtime]
    if file is not None:
        graph = tiny_models.shared_onnx(model) if runtime == "onnx" else tiny_models.shared_openvino(model)
        shutil.copytree(graph.parent, folder / Path(file).parent)
    return Exported(
        candidate={"onnx": "onnx", "openvino": "openvino", "torch": "torch-fp32"}[runtime],
        folder=folder if file is not None else model,
        file=file,
        settings=RuntimeSettings(threads=1, dtype="float32" if runtime == "torch" else None),
        export_s=None,
        size_bytes=1,
    )


def recommendation(model: Path) -> Recommendation:
    profile: ModelProfile = replace(factories.model(), path=model)
    return replace(factories.confirmed(), model=profile, artifact=None)


def winner(runtime: Runtime, model: Path, folder: Path) -> Winner:
    return Winner(
        runtime=runtime,
        precision="fp32",
        exported=exported(runtime, model, folder),
        reference_texts=TEXTS,
        reference_embeddings=np.stack([tiny_models.reference(model, [text])[0] for text in TEXTS]),
    )


def copied(model: Path, target: Path) -> Path:
    """An artifact's files of the model, without the proof in a process of its own that takes PyTorch seconds."""
    target.mkdir()
    copy_model_files(model, target, torch_weights=True, remote_code=False)
    check_tokenizer(model, target)
    return target


def no_reports(rec: Recommendation) -> dict[str, str]:
    return {}


def write(tmp_path: Path, runtime: Runtime = "onnx", model: Path | None = None) -> Path:
    source = model if model is not None else tiny_models.shared()
    target = tmp_path / "out" / "tiny"
    write_artifact(
        recommendation(source),
        winner=winner(runtime, source, tmp_path / "export"),
        target=target,
        readme="# what it is\n",
        reports=lambda rec: {"report.md": f"# {rec.artifact.path.name}\n"},
        log=tmp_path / "verify.log",
    )
    return target


@pytest.mark.parametrize("runtime", ["onnx", "openvino", "torch"])
def test_an_artifact_verifies_and_loads_wherever_it_is_moved(tmp_path: Path, runtime: Runtime) -> None:
    moved = tmp_path / "elsewhere"
    write(tmp_path, runtime).rename(moved)
    report = verify(moved)
    assert report.ok, report
    assert (moved / "report.md").read_text() == "# tiny\n"
    assert [check.name for check in report.checks] == ["files", "loads", "embeddings"]
    texts = list(tiny_models.TEXTS)
    with load(moved) as encoder:
        np.testing.assert_allclose(
            encoder.encode(texts), tiny_models.reference(tiny_models.shared(), texts), atol=1e-4, rtol=0
        )


def test_the_manifest_validates_and_names_every_file(tmp_path: Path) -> None:
    target = write(tmp_path)
    manifest = read_manifest(target)
    jsonschema.validate(manifest.document, SCHEMA)
    on_disk = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert on_disk == {file.name for file in manifest.files} | {"advisor.json", "report.md"}
    assert "onnx/model.onnx" in on_disk
    assert "model.safetensors" not in on_disk, "the torch weights are not needed beside the graph"


def test_a_manifest_holds_no_path_of_this_machine(tmp_path: Path) -> None:
    text = (write(tmp_path) / "advisor.json").read_text()
    assert str(tmp_path) not in text
    assert str(Path.home()) + "/" not in text


@pytest.mark.parametrize("layout", ["st5", "st6"])
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_dense_prompts_and_layouts_survive(tmp_path: Path, layout: tiny_models.Layout, runtime: Runtime) -> None:
    model = tiny_models.shared(
        dense=tiny_models.DenseSpec(),
        normalize=True,
        pooling=("cls", "mean"),
        layout=layout,
        architecture="mpnet",
    )
    target = write(tmp_path, runtime, model)
    texts = list(tiny_models.TEXTS)
    with load(target) as encoder:
        np.testing.assert_allclose(encoder.encode(texts), tiny_models.reference(model, texts), atol=1e-4, rtol=0)
    modules = json.loads((target / "modules.json").read_text())
    assert {module["type"].rsplit(".", 1)[0] for module in modules} == {"sentence_transformers.models"}


@pytest.mark.parametrize("modes", [("mean", "cls"), ("lasttoken",), ("max", "mean", "weightedmean"), ("mean", "max")])
def test_the_order_of_pooling_modes_survives_the_old_form(tmp_path: Path, modes: tuple[str, ...]) -> None:
    model = tiny_models.shared(pooling=modes if len(modes) > 1 else modes[0])
    target = copied(model, tmp_path / "artifact")
    texts = list(tiny_models.TEXTS)
    np.testing.assert_allclose(
        tiny_models.reference(target, texts), tiny_models.reference(model, texts), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_weights_of_a_transformer_in_a_folder_of_its_own_go_where_they_are_needed(tmp_path: Path, weights: str) -> None:
    built = tiny_models.shared(dense=tiny_models.DenseSpec(), normalize=True)
    model = tiny_models.in_a_folder_of_its_own(built, tmp_path / "model")
    for folder in ("0_Transformer", "2_Dense"):
        (model / folder / "model.safetensors").rename(model / folder / weights)
    for torch_weights in (False, True):
        target = tmp_path / f"artifact-{torch_weights}"
        target.mkdir()
        copy_model_files(model, target, torch_weights=torch_weights, remote_code=False)
        assert (target / "0_Transformer" / weights).exists() == torch_weights
        assert (target / "0_Transformer" / "tokenizer.json").exists()
        assert (target / "2_Dense" / weights).exists(), "the encoder applies it, whatever runs the transformer"


def test_a_transformer_in_a_folder_of_its_own_gives_its_embeddings(tmp_path: Path) -> None:
    model = tiny_models.in_a_folder_of_its_own(tiny_models.shared(normalize=True), tmp_path / "model")
    target = write(tmp_path, "torch", model)
    texts = list(tiny_models.TEXTS)
    np.testing.assert_allclose(
        tiny_models.reference(target, texts), tiny_models.reference(model, texts), atol=1e-6, rtol=0
    )


SETTINGS = {
    "an old file name": ("sentence_roberta_config.json", {"max_seq_length": 20, "do_lower_case": True}),
    "two files": ("sentence_bert_config.json", {"max_seq_length": 20, "do_lower_case": True}),
    "the tokenizer's arguments": (
        "sentence_bert_config.json",
        {"processor_kwargs": {"model_max_length": 20, "truncation_side": "left"}, "unpad_inputs": False},
    ),
    "their old name": ("sentence_bert_config.json", {"tokenizer_args": {"model_max_length": 20}}),
    "both names": (
        "sentence_bert_config.json",
        {"tokenizer_args": {"model_max_length": 20}, "processor_kwargs": {"model_max_length": 10}},
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_what_the_transformer_is_told_of_its_tokenizer_survives(tmp_path: Path, case: str) -> None:
    name, settings = SETTINGS[case]
    # The tokenizer of this architecture leaves upper case to the settings.
    model = tiny_models.copy(tiny_models.shared(architecture="xlm-roberta", max_seq_length=None), tmp_path / "model")
    (model / "sentence_bert_config.json").unlink()
    (model / name).write_text(json.dumps(settings))
    if case == "two files":
        (model / "sentence_xlnet_config.json").write_text(json.dumps({"max_seq_length": 10}))
    target = copied(model, tmp_path / "artifact")
    assert not (target / "sentence_xlnet_config.json").exists()
    assert not (target / "sentence_roberta_config.json").exists()
    wanted, found = (read_pipeline(folder).tokenizer for folder in (model, target))
    assert found == replace(wanted, file=found.file)
    assert found.max_length == 20
    texts = list(tiny_models.TEXTS)
    np.testing.assert_allclose(
        tiny_models.reference(target, texts), tiny_models.reference(model, texts), atol=1e-6, rtol=0
    )
    written = json.loads((target / "sentence_bert_config.json").read_text())
    assert set(written) <= {"max_seq_length", "do_lower_case", "tokenizer_args", "unpad_inputs"}, "not of version 5"


def test_an_artifact_that_would_tokenise_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(model: Path, target: Path, **options: Any) -> None:
        copy_model_files(model, target, **options)
        (target / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')

    monkeypatch.setattr("advisor.artifact.write.copy_model_files", forgetful)
    with pytest.raises(ArtifactError) as error:
        write(tmp_path)
    assert str(error.value) == (
        "The artifact would tokenise texts otherwise than the model, so it was not written: max_length is 128 instead "
        "of 64."
    )
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["onnx/model.onnx", "tokenizer.json", "1_Pooling/config.json"])
def test_one_flipped_byte_fails_before_anything_is_loaded(tmp_path: Path, name: str) -> None:
    target = write(tmp_path)
    data = bytearray((target / name).read_bytes())
    data[len(data) // 2] ^= 1
    (target / name).write_bytes(data)
    report = verify(target)
    assert [(check.name, check.ok) for check in report.checks] == [("files", False)]
    assert name in report.checks[0].detail
    with pytest.raises(ArtifactError, match=name):
        load(target)


def test_embeddings_of_another_length_than_the_recorded_ones_fail(tmp_path: Path) -> None:
    target = write(tmp_path)
    path = target / "advisor.json"
    document = json.loads(path.read_text())
    recorded = np.frombuffer(base64.b64decode(document["reference"]["data"]), dtype="<f4")
    document["reference"]["data"] = base64.b64encode((recorded * np.float32(1.25)).tobytes()).decode()
    path.write_text(json.dumps(document))
    (*_, embeddings) = verify(target).checks
    assert not embeddings.ok
    assert "lowest cosine 1.000000, at least 0.9999 asked, and lengths that differ by 20.0%, at most 1.4%" in (
        embeddings.detail
    )


@pytest.mark.parametrize(
    ("got", "ok"), [([3.0, 4.0], True), ([3.1, 4.1], True), ([0.0, 0.0], False), ([np.nan, 4.0], False)]
)
def test_one_text_that_does_not_agree_is_enough_wherever_it_stands(got: list[float], ok: bool) -> None:
    agreement = agreement_for("embedding", "int8")
    expected = np.array([3.0, 4.0], np.float32)
    other, same = (agreement.of(np.array(row, np.float32), expected, 4.0) for row in (got, [3.0, 4.0]))
    assert [agreement.ok(found) for found in ([other, same], [same, other])] == [ok, ok]


def test_a_sparse_text_without_any_token_agrees_with_itself() -> None:
    agreement = agreement_for("sparse-encoder", "fp32")
    nothing = np.zeros(3, np.float32)
    assert agreement.ok([agreement.of(nothing, nothing, 1.0)])


def test_other_embeddings_than_the_recorded_ones_fail(tmp_path: Path) -> None:
    target = write(tmp_path)
    path = target / "advisor.json"
    document = json.loads(path.read_text())
    document["reference"]["texts"] = document["reference"]["texts"][::-1]
    path.write_text(json.dumps(document))
    report = verify(target)
    assert [(check.name, check.ok) for check in report.checks] == [
        ("files", True),
        ("loads", True),
        ("embeddings", False),
    ]


def test_a_winner_that_does_not_reproduce_its_embeddings_is_never_put_in_place(tmp_path: Path) -> None:
    model = tiny_models.shared()
    good = winner("onnx", model, tmp_path / "export")
    bad = replace(good, reference_embeddings=np.roll(good.reference_embeddings, 1, axis=0))
    target = tmp_path / "out" / "tiny"
    with pytest.raises(ArtifactError, match="did not prove itself"):
        write_artifact(
            recommendation(model), winner=bad, target=target, readme="", reports=no_reports, log=tmp_path / "log"
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_an_artifact_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    target = write(tmp_path)
    (target / "stale").write_text("old")
    shutil.rmtree(tmp_path / "export")
    write(tmp_path)
    assert not (target / "stale").exists()
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_folder_that_is_no_artifact_is_never_replaced(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match="would be lost"):
        check_target(target)
    assert (target / "thesis.txt").read_text() == "years"


def test_an_empty_folder_and_a_missing_one_are_fine_and_the_check_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_target(tmp_path / "empty")
    check_target(tmp_path / "new" / "deep")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", [".", "../empty", "", ".."])
def test_the_current_folder_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "empty" / "advisor.json").touch()
    monkeypatch.chdir(tmp_path / "empty" / ("inner" if name == ".." else ""))
    with pytest.raises(InputError, match=r"is the current folder or holds it, .* run advisor from elsewhere\."):
        check_target(Path(name))
    check_target(Path("beside"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_a_deleted_current_folder_is_no_reason_to_refuse_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    check_target(tmp_path / "empty")
    with pytest.raises(InputError, match="cannot be written"):
        check_target(Path("out"))


def test_a_mount_point_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "volume").mkdir()
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path) == tmp_path / "volume")
    with pytest.raises(InputError, match=r"is a mount point, .* such as --out .*/volume/artifact\."):
        check_target(tmp_path / "volume")
    check_target(tmp_path / "volume" / "artifact")


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    real = tmp_path / "disk" / "v1"
    real.mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "tiny").symlink_to(real)
    target = write(tmp_path)
    assert target.is_symlink()
    assert (real / "advisor.json").is_file()
    assert [path.name for path in real.parent.iterdir()] == ["v1"]


@pytest.mark.parametrize("failing", ["the old one", "the new one"])
def test_a_rename_that_fails_leaves_the_old_artifact_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    target = write(tmp_path)
    before = (target / "advisor.json").read_bytes()
    shutil.rmtree(tmp_path / "export")
    rename = Path.rename

    def busy(self: Path, other: Path) -> Path:
        if (self if failing == "the old one" else other) == target and self.name != "artifact":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return rename(self, other)

    monkeypatch.setattr(Path, "rename", busy)
    with pytest.raises(InputError, match="cannot be written: Device or resource busy"):
        write(tmp_path)
    assert (target / "advisor.json").read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_file_as_output_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        check_target(tmp_path / "file")


def test_an_output_below_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        check_target(tmp_path / "file" / "out")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write to a read-only folder")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        check_target(tmp_path / "out")


def test_a_full_disk_is_one_sentence_and_leaves_the_old_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = write(tmp_path)
    before = (target / "advisor.json").read_bytes()
    shutil.rmtree(tmp_path / "export")

    def full(source: object, destination: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    new = winner("onnx", tiny_models.shared(), tmp_path / "export")
    monkeypatch.setattr("advisor.artifact.write.shutil.copyfile", full)
    with pytest.raises(InputError, match="is full, so nothing was written"):
        write_artifact(
            recommendation(tiny_models.shared()),
            winner=new,
            target=target,
            readme="",
            reports=no_reports,
            log=tmp_path / "log",
        )
    assert (target / "advisor.json").read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("{", "damaged"),
        ("[]", "damaged|not a document"),
        ('{"schema": {"name": "advisor.recommendation", "version": "9.0"}}', "schema version 9.0"),
    ],
)
def test_a_damaged_manifest_is_one_sentence(tmp_path: Path, damage: str, says: str) -> None:
    (tmp_path / "advisor.json").write_text(damage)
    with pytest.raises(ArtifactError, match=says):
        verify(tmp_path)


def test_a_folder_without_a_manifest_and_no_folder_at_all_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no advisor\.json"):
        verify(tmp_path)
    with pytest.raises(ArtifactError, match="does not exist"):
        verify(tmp_path / "none")
