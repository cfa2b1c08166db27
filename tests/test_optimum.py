"""Optimum's exporter where it lives: an environment of Sentence Transformers 5.7, transformers 4.57 and Optimum.

python3 -m venv st5 && st5/bin/pip install -c constraints-optimum.txt '.[optimum]'
ADVISOR_ST5_PYTHON=st5/bin/python pytest tests/test_optimum.py tests/test_artifact_st5.py

The tests run here, beside Sentence Transformers 6, and let that environment's Python do what users do there; so what
comes out can be compared with what this environment makes of the same model.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from numpy.typing import NDArray

import advisor
from advisor.encode import open_encoder
from advisor.export.loading import load
from advisor.export.onnx_graph import export_onnx
from advisor.export.openvino_graph import export_openvino
from advisor.types import RuntimeSettings

PYTHON = os.environ.get("ADVISOR_ST5_PYTHON")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PYTHON is None,
        reason="ADVISOR_ST5_PYTHON names no environment with Sentence Transformers 5.7 and Optimum (CONTRIBUTING.md)",
    ),
]

ROOT = Path(__file__).parents[1]
TEXTS = [*tiny_models.TRAINING_TEXTS, "one", "A small dog runs.", *(f"Report number {n} on water." for n in range(30))]
CANDIDATES = "torch-bf16,onnx,onnx-O1,onnx-O2,onnx-O3,onnx-qint8,openvino,openvino-bf16,openvino-qint8"
INT8 = ("qint8_arm64", "quint8_avx2", "qint8_avx512", "qint8_avx512_vnni")

MAKE = """
import json, sys
from pathlib import Path
from advisor.export import onnx_graph, onnx_optimize, onnx_quantize, openvino_graph, openvino_quantize
from advisor.export.loading import load
from advisor.export.tools import tools_of

out, texts = Path(sys.argv[1]), json.loads(sys.argv[2])
tools, notes = tools_of("optimum"), {}
for folder in sys.argv[3:]:
    model, here = load(folder, trust_remote_code=False, threads=2), out / Path(folder).parent.name
    (work := here / "work").mkdir(parents=True)
    plain, xml = here / "onnx" / "model.onnx", here / "openvino" / "openvino_model.xml"

    def keep(file, made):
        notes[f"{here.name}/{file.name}"] = made

    keep(plain, onnx_graph.export_onnx(model, plain, exporters=tools.onnx, work=work, threads=2))
    for level in ("O1", "O2", "O3", "O4"):
        file = plain.with_name(f"model_{level}.onnx")
        keep(file, onnx_optimize.optimize_onnx(
            model, plain, file, optimize=tools.optimize_onnx, work=work, threads=2))
    for variant in ("qint8_arm64", "quint8_avx2", "qint8_avx512", "qint8_avx512_vnni"):
        file = plain.with_name(f"model_{variant}.onnx")
        keep(file, onnx_quantize.quantize_onnx(
            model, plain, file, quantize=tools.quantize_onnx, work=work, threads=2))
    keep(xml, openvino_graph.export_openvino(model, xml, exporters=tools.openvino, work=work, threads=2))
    file = xml.with_name("openvino_model_qint8_quantized.xml")
    keep(file, openvino_quantize.quantize_openvino(
        model, xml, file, quantize=tools.quantize_openvino, texts=texts, threads=2))
(out / "notes.json").write_text(json.dumps(notes))
"""


def there(*arguments: str, cache: Path, timeout_s: float = 1000) -> subprocess.CompletedProcess[str]:
    """Run Python in the other environment, on these sources."""
    assert PYTHON is not None  # or the test is skipped
    return subprocess.run(
        [PYTHON, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "ADVISOR_CACHE": str(cache)},
    )


@pytest.fixture(scope="module")
def model() -> Path:
    return tiny_models.shared(layout="st5", hidden_size=64)


@pytest.fixture(scope="module")
def left() -> Path:
    """A model whose tokenizer pads on the left, without token types in the graph."""
    return tiny_models.shared(layout="st5", architecture="mpnet", padding_side="left")


@pytest.fixture(scope="module")
def files(model: Path, left: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every form that Optimum makes, of both models; each was checked against torch there as it was made."""
    out = tmp_path_factory.mktemp("optimum")
    done = there("-c", MAKE, str(out), json.dumps(TEXTS), str(model), str(left), cache=out / "cache")
    assert done.returncode == 0, done.stderr[-2000:]
    return out


@pytest.fixture(scope="module")
def artifact(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `advisor recommend` writes there."""
    folder = tmp_path_factory.mktemp("recommend")
    texts = folder / "texts.txt"
    texts.write_text("\n".join(TEXTS), encoding="utf-8")
    arguments = ["-m", "advisor", "recommend", str(model), "--texts", str(texts), "--out", str(folder / "artifact")]
    arguments += ["--candidates", CANDIDATES, "--max-loss", "20%", "--time-budget", "20m", "--threads", "1", "--json"]
    arguments += ["--objective", "memory"]  # the fewest rounds
    done = there(*arguments, cache=folder / "cache")
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / "answer.json").write_text(done.stdout)
    return folder / "artifact"


def embed(model: Path, file: Path) -> NDArray[np.float32]:
    runtime = "onnx" if file.suffix == ".onnx" else "openvino"
    settings = RuntimeSettings(threads=1, inference_precision="f32" if runtime == "openvino" else None)
    with open_encoder(model, runtime=runtime, file=file, settings=settings) as encoder:
        return np.asarray(encoder.encode(TEXTS))


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return (one * other).sum(axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))


@pytest.mark.covers("torch-fp32", "torch-bf16", "onnx", "onnx-O1", "onnx-O2", "onnx-O3", exporter="optimum", how="run")
@pytest.mark.covers("onnx-qint8", "openvino", "openvino-bf16", "openvino-qint8", exporter="optimum", how="run")
def test_recommend_measures_every_candidate_on_the_old_stack(artifact):
    answer = json.loads((artifact.parent / "answer.json").read_text())
    skipped = {each["name"]: each["reason"] for each in answer["candidates"] if each["status"] == "skipped"}
    tried = {each["name"]: each for each in answer["candidates"] if each["name"] not in skipped}
    unable = {name for name, reason in skipped.items() if reason.startswith("needs a CPU with")}
    assert set(tried) == {"torch-fp32", *CANDIDATES.split(",")} - unable
    failed = {name: each["reason"] for name, each in tried.items() if each["status"] == "failed"}
    if "ONEDNN_MAX_CPU_ISA" in os.environ:
        failed.pop("openvino-bf16", None)  # OpenVINO finds the CPU's bfloat16, and oneDNN may not use it
    assert failed == {}
    assert answer["exporter"] == "optimum"
    assert answer["packages"]["transformers"].startswith("4.57")
    assert tried["onnx"]["notes"][0].startswith("Exported by Optimum")
    assert tried["openvino"]["notes"][0].startswith("Converted by Optimum")
    assert tried["openvino-qint8"]["notes"][0].startswith(f"Calibrated on {len(TEXTS)} of {len(TEXTS)} texts")


def test_its_artifact_loads_here_and_there_and_gives_what_was_measured(artifact, tmp_path):
    assert advisor.verify(artifact).ok
    with advisor.load(artifact) as encoder:
        here = encoder.encode(TEXTS)
    program = (
        "import sys, json, numpy, advisor\n"
        "numpy.save(sys.argv[2], advisor.load(sys.argv[1]).encode(json.loads(sys.argv[3])))"
    )
    done = there("-c", program, str(artifact), str(tmp_path / "there.npy"), json.dumps(TEXTS), cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr[-2000:]
    assert cosines(here, np.load(tmp_path / "there.npy")).min() > 0.9999


def test_its_artifact_loads_in_plain_sentence_transformers_5(artifact, tmp_path):
    answer = json.loads((artifact.parent / "answer.json").read_text())
    winner = next(each for each in answer["candidates"] if each["name"] == answer["winner"])
    backend = "torch" if winner["file"] is None else winner["file"].partition("/")[0]
    options = {} if winner["file"] is None else {"file_name": Path(winner["file"]).name}
    program = (
        "import sys, json, numpy\nfrom sentence_transformers import SentenceTransformer\n"
        "folder, backend, options, texts, out = sys.argv[1:]\n"
        "model = SentenceTransformer(folder, backend=backend, device='cpu', model_kwargs=json.loads(options))\n"
        "numpy.save(out, model.encode(json.loads(texts)))"
    )
    out = tmp_path / "plain.npy"
    arguments = [str(artifact), backend, json.dumps(options), json.dumps(TEXTS), str(out)]
    done = there("-c", program, *arguments, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr[-2000:]
    with advisor.load(artifact) as encoder:  # it batches by length, on which dynamic int8 depends a little
        assert cosines(encoder.encode(TEXTS), np.load(out)).min() > 0.99


@pytest.mark.parametrize("name", ["model", "left"])
def test_both_exporters_give_the_same_embeddings_in_fp32(files, name, request, tmp_path):
    folder: Path = request.getfixturevalue(name)
    native = load(str(folder), trust_remote_code=False, threads=1)
    onnx, xml = tmp_path / "onnx" / "model.onnx", tmp_path / "openvino" / "openvino_model.xml"
    export_onnx(native, onnx, work=tmp_path, threads=1)
    export_openvino(native, xml, threads=1)
    made = files / folder.parent.name
    for file in (onnx, xml):
        pair = embed(folder, file), embed(folder, made / file.relative_to(tmp_path))
        assert cosines(*pair).min() > 0.99999
        assert cosines(pair[0], tiny_models.reference(folder, TEXTS)).min() > 0.99999


@pytest.mark.parametrize("level", ["O1", "O2", "O3"])
def test_every_level_keeps_to_torch_on_either_side_of_padding(files, model, left, level):
    for folder in (model, left):
        made = embed(folder, files / folder.parent.name / "onnx" / f"model_{level}.onnx")
        assert cosines(made, tiny_models.reference(folder, TEXTS)).min() > 0.999


@pytest.mark.covers("onnx-O4", device="cuda", exporter="optimum", how="seam")
def test_O4_is_made_in_float16_with_float32_ports(files, model):  # noqa: N802 - the level's own name
    import onnx

    graph = onnx.load(str(files / model.parent.name / "onnx" / "model_O4.onnx")).graph
    assert {weight.data_type for weight in graph.initializer} >= {onnx.TensorProto.FLOAT16}
    assert [port.type.tensor_type.elem_type for port in graph.output] == [onnx.TensorProto.FLOAT]


@pytest.mark.covers("onnx-qint8-avx512_vnni", "onnx-qint8-avx512", "onnx-quint8-avx2", exporter="optimum", how="run")
@pytest.mark.covers("onnx-qint8-arm64", exporter="optimum", how="seam")
def test_dynamic_int8_comes_in_all_four_configurations(files, model):
    import onnx

    reference = tiny_models.reference(model, TEXTS)
    for variant in INT8:
        file = files / model.parent.name / "onnx" / f"model_{variant}.onnx"
        weights = {weight.data_type for weight in onnx.load(str(file)).graph.initializer}
        assert (onnx.TensorProto.INT8 in weights) == variant.startswith("qint8"), variant
        assert (onnx.TensorProto.UINT8 in weights) or variant.startswith("qint8"), variant
        assert cosines(embed(model, file), reference).min() > 0.9, variant


def test_static_int8_is_calibrated_on_the_given_texts_and_its_files_carry_no_path_of_this_machine(files, model, left):
    notes = json.loads((files / "notes.json").read_text())
    for folder in (model, left):
        made = files / folder.parent.name
        said = notes[f"{made.name}/openvino_model_qint8_quantized.xml"]
        assert said[0].startswith(f"Calibrated on {len(TEXTS)} of {len(TEXTS)} texts"), said
        assert (made / "openvino" / "openvino_model_qint8_quantized.bin").is_file()
        for file in (*made.glob("onnx/*"), *made.glob("openvino/*.xml")):
            assert b"site-packages" not in file.read_bytes(), file.name
            assert str(files).encode() not in file.read_bytes(), file.name


def test_a_model_that_this_stack_cannot_open_is_refused_with_the_way_out(tmp_path):
    newer = tiny_models.shared(normalize=True)
    done = there("-m", "advisor", "recommend", str(newer), "--out", str(tmp_path / "out"), cache=tmp_path / "cache")
    assert done.returncode == 3, done.stderr[-2000:]
    assert "base.modules.normalize.Normalize" in "".join(done.stderr.split())
    assert "pip install -U 'backend-advisor[profile]'" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()
