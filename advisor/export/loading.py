"""The model in true float32 with torch, as the exporters take it, and what it answers to a few inputs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.encode.cut import cut
from advisor.export.failure import ExportError
from advisor.export.kinds import KINDS, ExportKind
from advisor.pairs import join
from advisor.types import ModelKind

INPUT_NAMES = ("input_ids", "attention_mask", "token_type_ids")

Inputs = dict[str, NDArray[np.int64]]
"""A batch: `input_ids`, `attention_mask` and, where the model has them, `token_type_ids`, each `(texts, tokens)`."""

_SENTENCE = "The committee will publish its report on rivers, lakes and drinking water before the end of the year. "
_PROBES = (
    ("A small dog runs across the field.", "How do I change the battery of my phone, and where can I buy one?"),
    ("Rain is expected in the north.",),
    ("one", _SENTENCE, "Prices rose by 3.5 percent in March; economists had expected 2.9 percent."),
    (_SENTENCE * 9, _SENTENCE * 5),
)
"""The first batch is the one that is traced; the others have other shapes, the last one beyond a local attention
window of 128 tokens (ModernBERT)."""

_FEW_ROWS = 4096
"""Of the table of embeddings of a model that is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One batch and what torch answers to it, float32: `(texts, tokens, hidden)`, or `(texts, labels)`."""

    inputs: Inputs
    expected: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """The transformer of a Sentence Transformers model, in float32 on the CPU with its plain attention."""

    kind: ExportKind
    transformer: Any
    """The `transformers` model, in evaluation mode."""
    graph: Any
    """A torch module that takes `input_names` in order and returns the first output."""
    input_names: tuple[str, ...]
    probes: tuple[Probe, ...]
    tokenize: Callable[[Sequence[str]], Inputs]
    """Texts, or pairs as `advisor.pairs` writes them, to a padded batch, with the model's own prompt and truncation."""

    @property
    def traced(self) -> dict[str, Any]:
        """The batch that exporters trace with: a tensor for each of `input_names`, in order."""
        import torch

        return {name: torch.from_numpy(self.probes[0].inputs[name]) for name in self.input_names}

    @property
    def weights_bytes(self) -> int:
        """The size of the weights in float32."""
        return sum(weight.numel() * weight.element_size() for weight in self.transformer.parameters())

    @property
    def num_graph_parameters(self) -> int:
        """The number of parameters that every token is multiplied with: all but the embeddings."""
        import torch

        tables = {id(module.weight) for module in self.transformer.modules() if isinstance(module, torch.nn.Embedding)}
        return sum(weight.numel() for weight in self.transformer.parameters() if id(weight) not in tables)


def load(model_path: str, *, kind: ModelKind = "embedding", trust_remote_code: bool, threads: int) -> LoadedModel:
    """Load the model; raises ExportError if it has no transformer to export.

    `attn_implementation="eager"` gives the graphs that ONNX Runtime and OpenVINO know how to fuse. Half-precision
    checkpoints are widened: since version 5, transformers keeps a checkpoint's dtype by default.
    """
    import sentence_transformers
    import torch

    torch.set_num_threads(threads)
    wanted = KINDS[kind]
    model = getattr(sentence_transformers, wanted.class_name)(
        model_path,
        device="cpu",
        trust_remote_code=trust_remote_code,
        model_kwargs={"dtype": torch.float32, "attn_implementation": "eager"},
    )
    first = model[0]
    transformer = getattr(first, "auto_model", None)
    if not isinstance(transformer, torch.nn.Module):
        raise ExportError(f"the model starts with {type(first).__name__}, which is no transformer to export")
    transformer = transformer.float().eval()
    if getattr(transformer.config, "use_cache", None):
        transformer.config.use_cache = False
    tokenize = _tokenizer(model, transformer, wanted)
    batches = [tokenize([join(text, _SENTENCE) for text in texts] if wanted.pairs else texts) for texts in _PROBES]
    names = tuple(batches[0])
    graph = _graph(transformer, names)
    return LoadedModel(
        kind=wanted,
        transformer=transformer,
        graph=graph,
        input_names=names,
        probes=tuple(Probe(inputs=batch, expected=_answer(graph, batch, names)) for batch in batches),
        tokenize=tokenize,
    )


def cut_to(model: LoadedModel, depth: int) -> LoadedModel:
    """The model's first `depth` layers, which share their weights with it, to be timed and for nothing else.

    Its table of embeddings has `_FEW_ROWS` at most, and an id stands for the row of its remainder: to look a row up
    takes no time, but the table of a multilingual model would be most of each file. Raises ModelError where the model
    cannot be cut.
    """
    import torch

    whole = model.transformer
    shared = {id(tensor): tensor for tensor in (*whole.parameters(), *whole.buffers())}
    transformer = copy.deepcopy(whole, shared)
    cut(transformer, depth)

    class FewRows(torch.nn.Module):  # type: ignore[misc]  # torch is typed as Any here, see pyproject.toml
        def __init__(self, table: Any) -> None:
            super().__init__()
            self.table = torch.nn.Embedding.from_pretrained(table.weight[:_FEW_ROWS].clone(), freeze=True)

        def forward(self, ids: torch.Tensor) -> Any:
            return self.table(ids % _FEW_ROWS)

    table = transformer.get_input_embeddings()
    if type(table) is torch.nn.Embedding and table.num_embeddings > _FEW_ROWS:
        transformer.set_input_embeddings(FewRows(table))
    graph = _graph(transformer, model.input_names)
    probes = (replace(each, expected=_answer(graph, each.inputs, model.input_names)) for each in model.probes)
    return replace(model, transformer=transformer, graph=graph, probes=tuple(probes))


def _answer(graph: Any, batch: Inputs, names: tuple[str, ...]) -> NDArray[np.float32]:
    import torch

    with torch.no_grad():
        answer: NDArray[np.float32] = graph(*(torch.from_numpy(batch[name]) for name in names)).numpy()
    return answer


def _tokenizer(model: Any, transformer: Any, kind: ExportKind) -> Callable[[Sequence[str]], Inputs]:
    import inspect

    taken = inspect.signature(transformer.forward).parameters
    prompt = model.prompts.get(model.default_prompt_name) if model.default_prompt_name else None

    def tokenize(texts: Sequence[str]) -> Inputs:
        features = model.preprocess(kind.texts(texts), prompt=prompt)
        return {name: features[name].numpy() for name in INPUT_NAMES if name in features and name in taken}

    return tokenize


def _graph(transformer: Any, names: tuple[str, ...]) -> Any:
    import torch

    class Graph(torch.nn.Module):  # type: ignore[misc]  # torch is typed as Any here, see pyproject.toml
        def __init__(self) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, *tensors: torch.Tensor) -> Any:
            return self.transformer(**dict(zip(names, tensors, strict=True)))[0]

    return Graph().eval()
