"""Builders of tiny random cross-encoders and sparse encoders, in the sizes of `tiny_models`, and of their graphs."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any, Literal

import tiny_models

from advisor.types import Runtime

PAIRS = (
    ("How do I change the battery of my phone?", "Open the back of the phone and lift the battery out."),
    ("", "A small dog runs across the field."),
    ("one", ""),
    ("ÜBER den Wolken: naïve café", "東京タワー, Привет мир, 🙂 emoji and\ttabs\nnew lines"),
    ("Is rain expected?", " ".join(tiny_models.TRAINING_TEXTS) * 3),
    (" ".join(tiny_models.TRAINING_TEXTS) * 2, "the report on rivers and lakes"),
    (" ".join(tiny_models.TRAINING_TEXTS) * 2, " ".join(tiny_models.TRAINING_TEXTS) * 3),
    ("12:3", ":"),
)
"""Pairs that a tokenizer can trip over: empty sides, other scripts, one or both far over the limit."""


def build_cross_encoder(
    folder: Path,
    *,
    architecture: str = "bert",
    num_labels: int = 1,
    activation: str | None = None,
    plain: bool = False,
    max_length: int = 64,
    prompts: tuple[tuple[str, str], ...] = (),
    seed: int = 0,
) -> Path:
    """Save a random cross-encoder into `folder` and return it; `plain` leaves out Sentence Transformers' files."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import AutoModelForSequenceClassification

    with tempfile.TemporaryDirectory() as scratch:
        target = folder if plain else Path(scratch)
        _save_plain(target, AutoModelForSequenceClassification, architecture, seed=seed, num_labels=num_labels)
        if not plain:
            model = CrossEncoder(
                str(target),
                device="cpu",
                max_length=max_length,
                activation_fn=None if activation is None else getattr(torch.nn, activation)(),
                prompts=dict(prompts),
            )
            model.save_pretrained(str(folder), create_model_card=False)
    return folder


def build_sparse_encoder(
    folder: Path,
    *,
    architecture: str = "bert",
    strategy: str = "max",
    activation: str = "relu",
    layout: Literal["st6", "st5"] = "st6",
    max_active_dims: int | None = None,
    prompts: tuple[tuple[str, str], ...] = (),
    seed: int = 0,
) -> Path:
    """Save a random SPLADE model into `folder` and return it; `st5` names the modules as version 5.0 did."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from transformers import AutoModelForMaskedLM

    with tempfile.TemporaryDirectory() as scratch:
        _save_plain(Path(scratch), AutoModelForMaskedLM, architecture, seed=seed)
        transformer = Transformer(scratch, transformer_task="fill-mask", max_seq_length=64)
        modules: list[Any] = [transformer, SpladePooling(strategy, activation)]
        model = SparseEncoder(
            modules=modules, device="cpu", max_active_dims=max_active_dims, prompts=dict(prompts) or None
        )
        model.save_pretrained(str(folder), create_model_card=False)
    if layout == "st5":
        listed = json.loads((folder / "modules.json").read_text())
        for module, name in zip(listed, ("MLMTransformer", "SpladePooling"), strict=True):
            module["type"] = f"sentence_transformers.sparse_encoder.models.{name}"
        (folder / "modules.json").write_text(json.dumps(listed))
        config = {"max_seq_length": 64, "do_lower_case": False}
        (folder / "sentence_bert_config.json").write_text(json.dumps(config))
    return folder


def reference_sparse(folder: Path, texts: Any = tiny_models.TEXTS, **encode: Any) -> Any:
    """Sentence Transformers' own float32 sparse embeddings, dense."""
    import torch
    from sentence_transformers import SparseEncoder

    model = SparseEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.encode(list(texts), **encode).to_dense().numpy()


def reference_scores(folder: Path, pairs: Any = PAIRS, **predict: Any) -> Any:
    """Sentence Transformers' own float32 scores."""
    import torch
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    return model.predict([list(pair) for pair in pairs], **predict)


@functools.cache
def shared_sparse(**options: Any) -> Path:
    """A built sparse encoder once a process. Read-only."""
    return build_sparse_encoder(_folder() / "tiny", **options)


@functools.cache
def shared(**options: Any) -> Path:
    """A built cross-encoder once a process. Read-only: copy it to change it."""
    return build_cross_encoder(_folder() / "tiny", **options)


@functools.cache
def shared_graph(folder: Path, runtime: Runtime) -> Path:
    """The model's graph, by advisor's own exporter, once a process."""
    from advisor.export.onnx_graph import export_onnx
    from advisor.export.openvino_graph import export_openvino

    model = loaded(folder)
    out = _folder()
    if runtime == "openvino":
        export_openvino(model, out / "openvino_model.xml", threads=1)
        return out / "openvino_model.xml"
    (out / "work").mkdir()
    export_onnx(model, out / "onnx" / "model.onnx", work=out / "work", threads=1)
    return out / "onnx" / "model.onnx"


@functools.cache
def loaded(folder: Path) -> Any:
    """The model as the exporters load it, once a process."""
    from advisor.encode.modules import read_pipeline
    from advisor.export.loading import load

    return load(str(folder), kind=read_pipeline(folder).kind, trust_remote_code=False, threads=1)


def _folder() -> Path:
    return Path(tempfile.mkdtemp(dir=tiny_models._SHARED.name))


def _save_plain(folder: Path, auto: Any, architecture: str, *, seed: int, **config: Any) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tiny_models._tokenizer(architecture)
    settings = tiny_models._config(architecture, len(tokenizer), tiny_models.HIDDEN_SIZE, 2, tokenizer.pad_token_id)
    for name, value in config.items():
        setattr(settings, name, value)
    torch.manual_seed(seed)
    model = auto.from_config(settings, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():  # the usual initial deviation of 0.02 gives nearly equal scores
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "padding_side": "right"}))
