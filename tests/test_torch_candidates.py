"""The torch candidates for real, on a tiny model: their settings, their precision, and torch.compile."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_models
from test_encode_load import write

import advisor
from advisor import catalogue
from advisor.encode import open_encoder
from advisor.encode.torch_session import TorchSession
from advisor.export.plan import settings_for

pytest.importorskip("sentence_transformers", reason="builds the models")

TEXTS = tiny_models.TEXTS


@pytest.mark.covers("torch-fp32", "torch-bf16", "torch-fp16", how="run")
@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [
        ("torch-fp32", "torch.float32", 1e-6),
        ("torch-bf16", "torch.bfloat16", 0.1),
        ("torch-fp16", "torch.float16", 0.02),
    ],
)
def test_each_runs_a_half_precision_checkpoint_in_the_dtype_of_its_name(name, dtype, tolerance):
    folder = tiny_models.shared(dtype="float16")
    settings = settings_for(catalogue.get(name), threads=1, objective="throughput")
    with open_encoder(folder, runtime="torch", file=None, settings=settings) as encoder:
        assert isinstance(encoder.backend, TorchSession)
        assert str(next(encoder.backend.model.parameters()).dtype) == dtype
        embeddings = encoder.encode(TEXTS)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, tiny_models.reference(folder, TEXTS), atol=tolerance)


@pytest.mark.slow
@pytest.mark.covers("torch-fp32-compile", how="run")
@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch compiles with g++")
def test_an_artifact_of_a_compiled_winner_loads_and_is_not_compiled_again_for_other_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from torch._dynamo.utils import counters

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "inductor"))
    settings = settings_for(catalogue.get("torch-fp32-compile"), threads=1, objective="throughput")
    told = {"dtype": settings.dtype, "compiled": settings.compiled, "batch_size": settings.batch_size}
    counters.clear()
    with advisor.load(write(tmp_path / "artifact", "torch", **told)) as encoder:
        assert counters["stats"]["unique_graphs"] == 2, "for one text and for several"
        together = encoder.encode(TEXTS)
        alone = encoder.encode(TEXTS[0])
        encoder.encode([TEXTS[0] * 3, *TEXTS[1:4]])
        assert counters["stats"]["unique_graphs"] == 2
        assert not counters["graph_break"]
    expected = tiny_models.reference(tiny_models.shared(), TEXTS)
    np.testing.assert_allclose(together, expected, atol=1e-5)
    np.testing.assert_allclose(alone, expected[0], atol=1e-5)


def test_what_module_compile_leaves_alone_is_what_sentence_transformers_calls():
    """Why the session compiles `forward` itself (docs/surprises.md)."""
    import torch

    folder = tiny_models.shared()
    settings = settings_for(catalogue.get("torch-fp32"), threads=1, objective="throughput")
    with open_encoder(folder, runtime="torch", file=None, settings=settings) as encoder:
        assert isinstance(encoder.backend, TorchSession)
        transformer = encoder.backend.model[0].auto_model
        called = []
        compiled = lambda *args, **kwargs: called.append("compiled")  # noqa: E731
        transformer._compiled_call_impl = compiled  # what torch.nn.Module.compile sets
        encoder.encode("one text")
        assert called == []
        assert isinstance(transformer, torch.nn.Module)
