"""Models and texts for the benchmarks, all made from what is installed: nothing is downloaded."""

from __future__ import annotations

import json
import multiprocessing
import random
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advisor.errors import InputError
from advisor.model import resolve_model
from advisor.texts import builtin_texts

DEMO = "demo"
NUM_TEXTS = 512
"""As many as a recommendation samples, so that both sides have the same texts."""

LENGTHS = {"short": 40, "medium": 600, "long": 3000}
"""Characters, about: texts vary from half to one and a half times as many."""

_SHORT_CHARS = 125
_MIXED_MU, _MIXED_SIGMA = 5.3, 1.0
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A real architecture to fill with random weights."""

    model_type: str
    num_layers: int
    hidden_size: int
    num_heads: int
    positions: int
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    """What the tokenizer gives the model."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the configuration says. The rest are the architecture's defaults."""


_BERT_INPUTS = ("input_ids", "token_type_ids", "attention_mask")

SHAPES = {
    "bert-12x768": Shape(
        model_type="bert", num_layers=12, hidden_size=768, num_heads=12, positions=512, inputs=_BERT_INPUTS
    ),
    # The shape of bge-large and mxbai-large.
    "bert-24x1024": Shape(
        model_type="bert", num_layers=24, hidden_size=1024, num_heads=16, positions=512, inputs=_BERT_INPUTS
    ),
    # MPNet counts positions from 2, so that 514 of them hold 512 tokens.
    "mpnet-6x384": Shape(model_type="mpnet", num_layers=6, hidden_size=384, num_heads=12, positions=514),
    # The shape of all-mpnet-base-v2.
    "mpnet-12x768": Shape(model_type="mpnet", num_layers=12, hidden_size=768, num_heads=12, positions=514),
    # The shape of multilingual-e5-base. XLM-R counts positions from the padding token's id plus 1, so that 512 tokens
    # need 513 positions with the demo's tokenizer, which pads with 0. The real models pad with 1 and have 514.
    "xlmr-12x768": Shape(
        model_type="xlm-roberta",
        num_layers=12,
        hidden_size=768,
        num_heads=12,
        positions=514,
        settings={"vocab_size": 250_002, "type_vocab_size": 1, "layer_norm_eps": 1e-5},
    ),
    # ModernBERT base: periods of one global and two local layers.
    "modernbert-22x768": Shape(
        model_type="modernbert",
        num_layers=22,
        hidden_size=768,
        num_heads=12,
        positions=8192,
        settings={
            "intermediate_size": 1152,
            # The demo's: the defaults lie beyond its vocabulary.
            "bos_token_id": 101,
            "cls_token_id": 101,
            "eos_token_id": 102,
            "sep_token_id": 102,
        },
    ),
    # Qwen3-Embedding-0.6B at half its width and with 12 of its 28 layers. Its heads are wider than their share.
    "qwen3-12x512": Shape(
        model_type="qwen3",
        num_layers=12,
        hidden_size=512,
        num_heads=8,
        positions=32_768,
        settings={"intermediate_size": 1536, "num_key_value_heads": 4, "head_dim": 128},
    ),
}
"""All have the demo's tokenizer, mean pooling and at most 512 tokens.

So the real models' own pooling is not kept (`bge-large` takes the first token, Qwen3 the last). It takes no time worth
measuring. A tokenizer with few ids is no fault either: a table's other rows are loaded, exported and quantised too.
"""

ANY_LOSS = 0.9

MODELS = (DEMO, *SHAPES)


def max_loss_of(model: str, asked: float) -> float:
    """The loss budget: `asked`, or 90 % with random weights. Their losses mean nothing and must decide nothing."""
    return ANY_LOSS if model in SHAPES else asked


def texts_of(length: str, *, sts: Path | None, seed: int = 0, most: int = NUM_TEXTS) -> tuple[str, ...]:
    """At most `most` distinct English texts.

    Short ones are sentences of `sts` (tab-separated, sentences in columns 6 and 7), or the built-in sample's short
    ones. The others are cut from Python's own language reference, at spaces.
    """
    rng = random.Random(seed)
    if length == "short":
        found = [text for text in builtin_texts() if len(text) <= _SHORT_CHARS] if sts is None else _sentences(sts)
    else:
        mean = LENGTHS[length]
        found = _cut(lambda: rng.uniform(0.5, 1.5) * mean)
    rng.shuffle(found)
    return tuple(found[:most])


def mixed_texts(most: int, *, seed: int = 0) -> tuple[str, ...]:
    """English texts of log-normal lengths: half of them have under 200 characters, one in twenty over 1,000."""
    rng = random.Random(seed)
    found = _cut(lambda: rng.lognormvariate(_MIXED_MU, _MIXED_SIGMA))
    rng.shuffle(found)
    return tuple(found[:most])


def _sentences(path: Path) -> list[str]:
    try:
        rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line]
        found = list(dict.fromkeys(text for row in rows for text in (row[5], row[6])))
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise InputError(f"{path} is not a tab-separated file with sentences in columns 6 and 7: {error}.") from None
    if not found:
        raise InputError(f"{path} holds no sentences.")
    return found


def _cut(num_chars: Callable[[], float]) -> list[str]:
    """Python's language reference in pieces of so many characters each, cut at spaces."""
    from pydoc_data.topics import topics

    words = " ".join(topics[name] for name in sorted(topics)).split()
    found: list[str] = []
    piece: list[str] = []
    wanted, size = 0.0, 0
    for word in words:
        if not piece:
            wanted, size = num_chars(), 0
        piece.append(word)
        size += len(word) + 1
        if size >= wanted:
            found.append(" ".join(piece))
            piece = []
    return found


def model_folder(name: str, scratch: Path) -> str:
    """What to name the model to `advisor.recommend`: one of `SHAPES` is built into `scratch` unless it is there.

    Any other name is that of a real model, and stays.
    """
    if name not in SHAPES:
        return name
    folder = scratch / name
    if not folder.is_dir():
        # In a process of its own: the one that measures should hold no PyTorch.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(_build, SHAPES[name], folder, resolve_model(DEMO).path).result()
    return str(folder)


def _build(shape: Shape, folder: Path, demo: Path) -> None:
    """The demo's tokenizer and modules around a random transformer."""
    import torch
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    shutil.copytree(demo, folder, ignore=shutil.ignore_patterns(_WEIGHTS, "README.md", ".*"))
    demo_config = _read(demo / "config.json")
    config = AutoConfig.for_model(
        shape.model_type,
        **{
            "vocab_size": demo_config["vocab_size"],
            "pad_token_id": demo_config["pad_token_id"],
            "hidden_size": shape.hidden_size,
            "num_hidden_layers": shape.num_layers,
            "num_attention_heads": shape.num_heads,
            "intermediate_size": 4 * shape.hidden_size,
            "max_position_embeddings": shape.positions,
            **shape.settings,
        },
    )
    torch.manual_seed(0)
    model = AutoModel.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:  # the usual deviation of 0.02 would give all texts nearly the same embedding
                parameter.normal_(0.0, parameter.shape[-1] ** -0.5)
    model.save_pretrained(folder)
    _update(folder / "1_Pooling" / "config.json", word_embedding_dimension=shape.hidden_size)
    _update(folder / "sentence_bert_config.json", max_seq_length=512)
    _update(folder / "tokenizer_config.json", model_input_names=shape.inputs)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _update(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**_read(path), **values}, indent=2), encoding="utf-8")
