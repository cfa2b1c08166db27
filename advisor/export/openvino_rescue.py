"""int8 with a few layers kept in higher precision: as few as bring the loss within the budget.

Static int8 has one scale for each activation tensor, and an activation with a few channels far larger than the others
loses all the others in it (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339). Weights have a scale a channel and
hardly ever are the problem. So what is taken back is the quantisation of the inputs of single matrix products: they are
then computed in the inference precision, from the same weights.

As NNCF's accuracy control does (https://docs.openvino.ai/2025/openvino-workflow/model-optimization-guide/
quantizing-models-post-training/quantizing-with-accuracy-control.html), layers are ranked by what taking each back
brings, and taken back in that order until the loss is within the budget. It would measure all of them; here only those
are measured whose quantisation distorts their inputs most, which one pass over a few texts tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy import COMPARED_BY, Comparison, check_embeddings
from advisor.encode import open_measured
from advisor.export.check import ANY_DIFFERENCE, check, openvino_runner
from advisor.export.failure import ExportError, UnneededError
from advisor.export.loading import Inputs, LoadedModel
from advisor.export.messages import ExportRequest
from advisor.gate import NOISE, within
from advisor.types import Fidelity, RuntimeSettings

_TEXTS = 256
_SCREENED_TEXTS = 64
"""On these alone plain int8 is looked at first: on long texts, embedding all takes as long as the export itself."""
_DISTORTION_TEXTS = 16
_MOST_RANKED = 16
_MOST_SHARE = 0.5
"""Of all groups: with more in higher precision, hardly anything of int8's speed is left."""
_MARGIN = 0.8
"""Of the budget, for the choice is made on the texts that it is judged on; the race compares others, too."""
_PRODUCTS = {"MatMul", "ScaledDotProductAttention"}
_PASSED_THROUGH = {"Reshape", "Transpose", "Unsqueeze", "Squeeze", "Broadcast", "Concat", "VariadicSplit", "Split"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """The quantised activations that the same matrix products need in int8, by the names of their nodes."""

    nodes: tuple[str, ...]
    products: tuple[str, ...]


def rescue_openvino(
    model: LoadedModel, request: ExportRequest, file: Path, *, texts: Sequence[str], work: Path
) -> tuple[str, ...]:
    """Write `file` (.xml) and its .bin, made from the request's source, which is plain int8, and return notes.

    The loss is estimated on at most 256 of `texts` (on 64, where plain int8 passes on these) against the request's
    float32 reference, both as the encoder runs them; the gate must pass it at 80 % of the loss budget. Raises
    UnneededError where it passes plain int8 so, or could pass no int8 at all, and ExportError where half of the layers
    or the time limit do not suffice.
    """
    import openvino

    quantized, reference = Path(request.source or ""), Path(request.reference or "")
    max_loss, threads = request.max_loss or 0.0, request.threads
    inference_precision, time_limit_s = request.inference_precision or "f32", request.time_limit_s or 0.0

    deadline = time.monotonic() + time_limit_s
    if max_loss <= NOISE:
        raise UnneededError("the loss budget has no room for int8, whatever is kept in higher precision")
    compared = list(dict.fromkeys(texts))[:_TEXTS]
    by = COMPARED_BY[request.kind]

    def embed(path: Path, precision: str, some: Sequence[str]) -> NDArray[np.float32]:
        settings = RuntimeSettings(threads=threads, inference_precision=precision)
        embeddings = np.asarray(
            open_measured(Path(request.model_path), runtime="openvino", file=path, settings=settings).encode(list(some))
        )
        wrong = check_embeddings(embeddings, num_texts=len(some), dimension=None, zeros=by.zeros)
        if wrong is not None:
            raise ExportError(wrong)
        return embeddings

    def compare(some: Sequence[str]) -> tuple[Comparison | None, Fidelity | None]:
        pairs = by.prepare(embed(reference, "f32", some), some, request.similarity)
        return pairs, _loss(pairs, embed(quantized, inference_precision, some))

    # An estimate from few texts errs further upwards (docs/accuracy.md): what passes on them passes on all.
    pairs, plain = compare(compared[:_SCREENED_TEXTS])
    if not _passes(plain, max_loss) and len(compared) > _SCREENED_TEXTS:
        pairs, plain = compare(compared)
    if plain is None or plain.ci95 is None:
        raise UnneededError("there are too few distinct texts to tell int8's loss from its noise")
    if _passes(plain, max_loss):
        raise UnneededError("openvino-qint8 is within the loss budget on your texts: no layer needs to be taken back")

    def loss_of(path: Path) -> Fidelity:
        loss = _loss(pairs, embed(path, inference_precision, compared))
        assert loss is not None  # plain int8's was known
        return loss

    graph = openvino.Core().read_model(str(quantized))
    groups = _groups(graph)
    order = _ranked(graph, groups, _batch(model, compared), loss_of, work=work, threads=threads, deadline=deadline)
    for number in _numbers(len(order), len(groups)):
        trial = _without(graph, order[:number])
        path = work / "trial.xml"
        openvino.save_model(trial, str(path), compress_to_fp16=False)
        loss = loss_of(path)
        if _passes(loss, max_loss):
            file.parent.mkdir(parents=True, exist_ok=True)
            openvino.save_model(trial, str(file), compress_to_fp16=False)
            check(openvino_runner(file, threads=threads), model.probes, tolerance=ANY_DIFFERENCE)
            return (_describe(order[:number], groups, plain, loss, inference_precision, len(compared)),)
        if time.monotonic() > deadline:
            raise ExportError(f"no choice of layers brought int8 within the loss budget in {time_limit_s:.0f} s")
    raise ExportError(
        f"with {_numbers(len(order), len(groups))[-1]} of {len(groups)} groups of layers in higher precision, int8 "
        "still is over the loss budget"
    )


def _loss(pairs: Comparison | None, embeddings: NDArray[np.float32]) -> Fidelity | None:
    return None if pairs is None else pairs.loss(embeddings)


def _passes(loss: Fidelity | None, max_loss: float) -> bool:
    return loss is not None and within(loss, max_loss=_MARGIN * max_loss)


def _upper(loss: Fidelity) -> float:
    return loss.value if loss.ci95 is None else loss.ci95[1]


def _numbers(num_ranked: int, num_groups: int) -> list[int]:
    """How many groups to take back, one try after the other."""
    most = min(num_ranked, max(1, int(_MOST_SHARE * num_groups)))
    return [number for number in (1, 2, 3, 4, 6, 8, 11, 16, 22, 32) if number < most] + [most]


# -- the graph -----------------------------------------------------------------------------------------------


def _groups(graph: Any) -> list[_Group]:
    """Activations that are quantised, together where one matrix product takes both."""
    products = {
        node.get_friendly_name(): _products(node) for node in graph.get_ops() if node.get_type_name() == "FakeQuantize"
    }
    groups: list[tuple[set[str], set[str]]] = []
    for node, consumers in products.items():
        together = [group for group in groups if group[1] & consumers]
        merged = ({node}.union(*(group[0] for group in together)), consumers.union(*(group[1] for group in together)))
        groups = [group for group in groups if group not in together] + [merged]
    return [_Group(nodes=tuple(sorted(nodes)), products=tuple(sorted(names))) for nodes, names in groups]


def _products(node: Any) -> set[str]:
    """The matrix products that a node's output goes into, through operations that only move values."""
    found: set[str] = set()
    pending = [node]
    while pending:
        for output in pending.pop().outputs():
            for port in output.get_target_inputs():
                consumer = port.get_node()
                if consumer.get_type_name() in _PRODUCTS:
                    found.add(consumer.get_friendly_name())
                elif consumer.get_type_name() in _PASSED_THROUGH:
                    pending.append(consumer)
    return found


def _without(graph: Any, groups: Sequence[_Group]) -> Any:
    """A copy of the graph in which these activations are not quantised."""
    taken = {name for group in groups for name in group.nodes}
    copy = graph.clone()
    for node in copy.get_ops():
        if node.get_friendly_name() in taken:
            node.output(0).replace(node.input_value(0))
    copy.validate_nodes_and_infer_types()
    return copy


# -- ranking -------------------------------------------------------------------------------------------------


def _batch(model: LoadedModel, texts: Sequence[str]) -> Inputs:
    return model.tokenize(sorted(texts, key=len)[:: max(1, len(texts) // _DISTORTION_TEXTS)])


def _ranked(
    graph: Any,
    groups: Sequence[_Group],
    batch: Inputs,
    loss_of: Callable[[Path], Fidelity],
    *,
    work: Path,
    threads: int,
    deadline: float,
) -> list[_Group]:
    """The most distorted groups by the loss that is left without each, then the others by their distortion."""
    import openvino

    distortion = _distortions(graph, batch, threads=threads)
    by_distortion = sorted(groups, key=lambda group: -max(distortion.get(name, 0.0) for name in group.nodes))
    left: dict[_Group, float] = {}
    for group in by_distortion[:_MOST_RANKED]:
        if time.monotonic() > deadline:
            break
        path = work / "trial.xml"
        openvino.save_model(_without(graph, [group]), str(path), compress_to_fp16=False)
        left[group] = loss_of(path).value
    return sorted(left, key=lambda group: left[group]) + [group for group in by_distortion if group not in left]


def _distortions(graph: Any, batch: Inputs, *, threads: int) -> dict[str, float]:
    """What quantising does to each activation: the energy of the error over that of the deviations from the mean."""
    import openvino

    copy = graph.clone()
    names = []
    for node in copy.get_ops():
        if node.get_type_name() == "FakeQuantize":
            names.append(node.get_friendly_name())
            copy.add_outputs([node.input_value(0), node.output(0)])
    compiled = openvino.Core().compile_model(
        copy, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    )
    known = {port.get_any_name() for port in graph.inputs}
    results = list(compiled({name: values for name, values in batch.items() if name in known}).values())
    num_own = len(graph.outputs)
    found = {}
    for index, name in enumerate(names):
        before, after = (np.asarray(results[num_own + 2 * index + side], dtype=np.float64) for side in (0, 1))
        # The median over the last axis' channels: one huge channel must not hide what happens to the others.
        error = np.square(after - before).reshape(-1, before.shape[-1]).mean(axis=0)
        energy = before.reshape(-1, before.shape[-1]).var(axis=0)
        found[name] = float(np.median(error / np.maximum(energy, 1e-20)))
    return found


def _describe(
    kept: Sequence[_Group],
    groups: Sequence[_Group],
    plain: Fidelity,
    loss: Fidelity,
    inference_precision: str,
    num_texts: int,
) -> str:
    products = [name for group in kept for name in group.products]
    total = sum(len(group.products) for group in groups)
    return (
        f"{len(products)} of {total} quantised matrix products run in {inference_precision}, as int8 alone loses "
        f"{plain.value:.2%} (up to {_upper(plain):.2%}) on {num_texts} texts, and this {loss.value:.2%} (up to "
        f"{_upper(loss):.2%}): {', '.join(products[:8])}{', ...' if len(products) > 8 else ''}."
    )
