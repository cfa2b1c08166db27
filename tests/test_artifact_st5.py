"""Way three to load an artifact: plain Sentence Transformers 5.7 with Optimum, which has an environment of its own.

python -m venv st5 && st5/bin/pip install -c constraints-optimum.txt '.[optimum]'
ADVISOR_ST5_PYTHON=st5/bin/python pytest tests/test_artifact_st5.py
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_models
from test_artifact import FILES, write

from advisor.types import Runtime

PYTHON = os.environ.get("ADVISOR_ST5_PYTHON")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        PYTHON is None,
        reason="ADVISOR_ST5_PYTHON names no environment with Sentence Transformers 5.7 (CONTRIBUTING.md)",
    ),
]

PROGRAM = """
import json, sys
import numpy
from sentence_transformers import SentenceTransformer, __version__
folder, backend, file, texts, out = sys.argv[1:6]
assert __version__.startswith("5."), __version__
options = {"file_name": file} if file else {}
model = SentenceTransformer(folder, backend=backend, device="cpu", model_kwargs=options, local_files_only=True)
numpy.save(out, model.encode(json.loads(texts)))
"""


def version_five(artifact: Path, runtime: Runtime, texts: list[str], tmp_path: Path) -> Any:
    """What version 5 makes of the texts."""
    out = tmp_path / "embeddings.npy"
    file = FILES[runtime]
    arguments = [str(artifact), runtime, Path(file).name if file else "", json.dumps(texts), str(out)]
    assert PYTHON is not None  # or the test is skipped
    done = subprocess.run(
        [PYTHON, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return np.load(out)


@pytest.mark.parametrize("options", [{}, {"layout": "st5"}, {"architecture": "mpnet", "normalize": True}], ids=str)
@pytest.mark.parametrize("runtime", ["onnx", "openvino", "torch"])
def test_version_five_with_optimum_gives_the_embeddings(
    tmp_path: Path, runtime: Runtime, options: dict[str, Any]
) -> None:
    model = tiny_models.shared(**options)
    artifact = write(tmp_path, runtime, model)
    texts = [text for text in tiny_models.TEXTS if text.strip()]
    embeddings, reference = version_five(artifact, runtime, texts, tmp_path), tiny_models.reference(model, texts)
    norms = np.linalg.norm(embeddings, axis=1) * np.linalg.norm(reference, axis=1)
    # OpenVINO runs in bf16 there where the processor has it, for Optimum names no precision.
    assert ((embeddings * reference).sum(axis=1) >= (0.999 if runtime == "openvino" else 0.9999) * norms).all()


def test_version_five_tells_the_tokenizer_what_the_model_tells_it(tmp_path: Path) -> None:
    model = tiny_models.copy(tiny_models.shared(max_seq_length=None, layout="st5"), tmp_path / "model")
    (model / "sentence_bert_config.json").unlink()
    settings = {"processor_kwargs": {"model_max_length": 20, "truncation_side": "left"}}
    (model / "sentence_albert_config.json").write_text(json.dumps(settings))
    texts = [text for text in tiny_models.TEXTS if text.strip()]
    embeddings = version_five(write(tmp_path, "torch", model), "torch", texts, tmp_path)
    np.testing.assert_allclose(embeddings, tiny_models.reference(model, texts), atol=1e-5, rtol=0)
