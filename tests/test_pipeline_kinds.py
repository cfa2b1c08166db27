"""Cross-encoders and sparse encoders the whole way: measured, gated on what they give, written, proven and loaded."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import factories
import jsonschema
import numpy as np
import pytest
import tiny_kinds
from test_pipeline import SCHEMA

import advisor
from advisor.artifact import Winner, write_artifact
from advisor.artifact.agreement import Cosines
from advisor.artifact.reference import Reference
from advisor.cli import main
from advisor.encode.manifest import Manifest
from advisor.errors import InputError
from advisor.model import resolve_model
from advisor.pairs import join, split
from advisor.report.markdown import to_markdown
from advisor.texts import builtin_texts, reference_pairs, sample_pairs
from advisor.types import Exported, RuntimeSettings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    return [split(pair) for pair in sample_pairs(None).texts][:150]


@pytest.mark.covers("onnx", "onnx-qint8", "torch-fp32", model="cross-encoder", how="run")
def test_a_cross_encoder_from_a_file_of_pairs_to_its_artifact(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    folder = tiny_kinds.shared(activation="Identity")
    source = tmp_path / "pairs.jsonl"
    source.write_text("".join(json.dumps({"query": query, "document": text}) + "\n" for query, text in pairs))
    command = ["recommend", str(folder), "--texts", str(source), "--candidates", "onnx,onnx-qint8", "--max-loss", "0"]
    command += ["--objective", "memory"]  # the fewest rounds
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main([*command, "--time-budget", "20m", "--out", str(tmp_path / "out")])
    said = out.getvalue() + err.getvalue()
    assert code == 0, said
    assert "pairs/s" in said
    assert "texts/s" not in said
    assert "150: p50" in said
    document = json.loads((tmp_path / "out" / "advisor.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert document["model"]["kind"] == "cross-encoder"
    assert (document["texts"]["pairs"], document["texts"]["field"]) == ("given", "query,document")
    candidates = {each["name"]: each for each in document["candidates"]}
    assert "failed" not in {each["status"] for each in candidates.values()}
    int8 = candidates["onnx-qint8"]
    assert int8["loss"]["metric"].startswith("1 - Spearman rho of the scores of ")
    assert int8["loss"]["value"] > 0
    assert int8["status"] == "rejected"  # a budget of 0 lets no int8 in
    with advisor.load(tmp_path / "out", expect=advisor.CrossEncoder) as encoder:
        np.testing.assert_allclose(encoder.predict(pairs), tiny_kinds.reference_scores(folder, pairs), atol=1e-3)


@pytest.mark.covers("onnx-qint8", "torch-fp32", model="sparse", how="run")
def test_a_sparse_encoder_from_texts_to_its_artifact(tmp_path: Path) -> None:
    folder = tiny_kinds.shared_sparse()
    texts = list(builtin_texts())[:100]
    out = tmp_path / "out"
    rec = advisor.recommend(
        folder, texts=texts, candidates=["onnx-qint8"], max_loss=0.0, objective="memory", time_budget_s=1000, out=out
    )
    assert (rec.model.kind, rec.model.pooling, rec.texts.pairs) == ("sparse-encoder", "splade-max", None)
    int8 = rec.outcome("onnx-qint8")
    assert int8 is not None
    assert int8.loss is not None
    assert int8.loss.metric.startswith("1 - Spearman rho of the dot product over 10 nearest neighbours")
    assert int8.loss.value > 0
    assert int8.status == "rejected"
    jsonschema.validate(json.loads((out / "advisor.json").read_text()), SCHEMA)
    assert advisor.verify(out).ok
    with advisor.load(out, expect=advisor.SparseEncoder) as encoder:
        ours = encoder.encode(texts)
    np.testing.assert_allclose(ours.to_dense(), tiny_kinds.reference_sparse(folder, texts), atol=1e-3)


def test_a_sparse_reference_keeps_the_dimensions_that_are_not_zero() -> None:
    embeddings = np.zeros((2, 1000), np.float32)
    embeddings[0, 7], embeddings[1, 900] = 1.5, 2.5
    reference = Reference(texts=("a", "b"), embeddings=embeddings, agreement=Cosines(0.99))
    document = json.loads(json.dumps(reference.to_dict()))
    assert (document["shape"], document["columns"]) == ([2, 1000], [7, 900])
    manifest = Manifest(
        runtime="onnx", file=None, settings=RuntimeSettings(threads=1), files=(), document={"reference": document}
    )
    np.testing.assert_array_equal(Reference.from_manifest(manifest).embeddings, embeddings)


def test_single_texts_are_made_into_pairs_and_the_terminal_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("".join(f"This is sentence number {index} of them.\n" for index in range(40)))
    assert main(["recommend", str(tiny_kinds.shared()), "--texts", str(texts), "--dry-run"]) == 0
    assert "pairs    40 made of 40 texts: p50" in capsys.readouterr().err


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model with three labels, in ONNX."""
    base = tmp_path_factory.mktemp("kinds")
    folder = tiny_kinds.shared(num_labels=3, activation="Identity")
    rec = replace(factories.confirmed(), model=resolve_model(str(folder)), artifact=None)
    texts = reference_pairs()
    write_artifact(
        rec,
        winner=Winner(
            runtime="onnx",
            precision="fp32",
            exported=Exported(
                candidate="onnx",
                folder=tiny_kinds.shared_graph(folder, "onnx").parents[1],
                file="onnx/model.onnx",
                settings=RuntimeSettings(threads=1),
                export_s=None,
                size_bytes=1,
            ),
            reference_texts=texts,
            reference_embeddings=tiny_kinds.reference_scores(folder, [split(pair) for pair in texts]),
        ),
        target=base / "out",
        readme=to_markdown(rec),
        reports=lambda rec: {},
        log=base / "verify.log",
    )
    return base / "out"


def test_an_artifact_of_several_labels_proves_itself_on_pairs(artifact: Path, pairs: list[tuple[str, str]]) -> None:
    report = advisor.verify(artifact)
    assert [(check.name, check.ok) for check in report.checks] == [("files", True), ("loads", True), ("scores", True)]
    assert report.checks[-1].detail.startswith("8 reference pairs, scores differ by 0.00000")
    manifest = json.loads((artifact / "advisor.json").read_text())
    jsonschema.validate(manifest, SCHEMA)
    assert manifest["reference"]["shape"] == [8, 3]
    with advisor.load(artifact) as encoder:
        reference = tiny_kinds.reference_scores(tiny_kinds.shared(num_labels=3, activation="Identity"), pairs)
        np.testing.assert_allclose(encoder.predict(pairs), reference, atol=1e-3)


def test_its_readme_speaks_of_pairs_and_scores(artifact: Path) -> None:
    readme = (artifact / "README.md").read_text()
    assert "encoder.predict([(query, document), ...])" in readme
    assert "its first output is `logits`, before any activation" in readme
    assert "pairs/s" in readme
    assert "texts/s" not in readme
    assert "SentenceTransformer(" not in readme


def test_it_loads_without_torch_and_by_pickle(artifact: Path) -> None:
    script = (
        "import sys, pickle, advisor\n"
        f"encoder = advisor.load({str(artifact)!r})\n"
        "again = pickle.loads(pickle.dumps(encoder))\n"
        "assert again.predict([('a dog', 'a cat'), ('a', 'b')]).shape == (2, 3)\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_other_scores_than_the_recorded_ones_fail(artifact: Path) -> None:
    manifest = json.loads((artifact / "advisor.json").read_text())
    try:
        other = manifest | {"reference": manifest["reference"] | {"texts": manifest["reference"]["texts"][::-1]}}
        (artifact / "advisor.json").write_text(json.dumps(other))
        report = advisor.verify(artifact)
    finally:
        (artifact / "advisor.json").write_text(json.dumps(manifest))
    assert [(check.name, check.ok) for check in report.checks] == [("files", True), ("loads", True), ("scores", False)]


def test_sentence_transformers_opens_the_folder_of_a_torch_winner_as_it_was(tmp_path: Path) -> None:
    from advisor.artifact.layout import copy_model_files

    folder = tiny_kinds.shared(activation="Identity")
    copy_model_files(folder, tmp_path, torch_weights=True, remote_code=False, kind="cross-encoder")
    np.testing.assert_array_equal(tiny_kinds.reference_scores(tmp_path), tiny_kinds.reference_scores(folder))


def test_what_is_for_embeddings_says_so(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="opens as a CrossEncoder"):
        advisor.sentence_transformer(artifact)
    (tmp_path / "texts.txt").write_text("a text\n")
    assert main(["encode", str(artifact), str(tmp_path / "texts.txt"), "-o", str(tmp_path / "out.npy")]) == 2
    assert "opens as a CrossEncoder, not as a" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"labels \(--eval\) are for models that embed texts"):
        advisor.recommend(tiny_kinds.shared(), eval=[("a", "b", 1.0)] * 9, out=tmp_path / "out")


def test_tokens_of_both_texts_are_counted_together() -> None:
    from sentence_transformers import CrossEncoder

    from advisor.model import token_counter

    folder = tiny_kinds.shared()
    tokenizer = CrossEncoder(str(folder), device="cpu").tokenizer
    counts = token_counter(resolve_model(str(folder))).count([join(*pair) for pair in tiny_kinds.PAIRS])
    expected = tokenizer([list(pair) for pair in tiny_kinds.PAIRS], truncation=False)["input_ids"]
    assert counts.tolist() == [len(ids) for ids in expected]
