"""How many multiply-adds a second this machine can do, and how many a model needs.

A ceiling is the best that any installed library reaches with a product of large matrices, in float32, bfloat16 and
int8, with all the cores that are granted. It is counted in operations: two for a multiply-add.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 1024
LAYERS = 8
REPEATS = 12


def best_rate(work: Callable[[], object], operations: float, *, repeats: int = REPEATS) -> float:
    """Operations a second of the best of `repeats` runs, after one that warms up."""
    work()
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return operations / best


def ceilings(threads: int) -> dict[str, float]:
    """Operations a second by precision: `fp32`, `bf16`, `int8`."""
    import torch

    torch.set_num_threads(threads)
    operations = 2.0 * LAYERS * SIZE**3
    found = {
        "fp32": [_openvino("f32", threads, operations)],
        "bf16": [_openvino("bf16", threads, operations)],
        "int8": [_openvino("f32", threads, operations, int8=True)],
    }
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        left, right = torch.randn(SIZE, SIZE, dtype=dtype), torch.randn(SIZE, SIZE, dtype=dtype)

        def work(left: Any = left, right: Any = right) -> None:
            for _ in range(LAYERS):
                torch.mm(left, right)

        found[name].append(best_rate(work, operations))
    return {name: max(rates) for name, rates in found.items()}


def _openvino(precision: str, threads: int, operations: float, *, int8: bool = False) -> float:
    """A chain of products with constant matrices, as OpenVINO runs it; in int8 quantised as NNCF does."""
    import openvino
    from openvino import opset13 as ops

    rng = np.random.default_rng(0)
    node = given = ops.parameter([SIZE, SIZE], np.float32)
    for _ in range(LAYERS):
        weights = ops.constant(rng.uniform(-1, 1, (SIZE, SIZE)).astype(np.float32))
        if int8:
            scale = np.full((SIZE, 1), 1.0, np.float32)
            weights = ops.fake_quantize(weights, -scale, scale, -scale, scale, 255)
            low, high = np.float32(-64.0), np.float32(64.0)
            node = ops.fake_quantize(node, low, high, low, high, 256)
        node = ops.matmul(node, weights, False, True)
    core = openvino.Core()
    config = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(openvino.Model([node], [given]), "CPU", config).create_infer_request()
    request.set_input_tensor(0, openvino.Tensor(rng.uniform(-1, 1, (SIZE, SIZE)).astype(np.float32)))
    return best_rate(request.infer, operations)


def model_operations(folder: Path, token_counts: Sequence[int]) -> float:
    """Operations that a BERT-like model needs for texts of so many tokens each, without any padding.

    For each layer and token the four projections of attention and the two of the feed-forward part, and for each pair
    of tokens of a text the product of queries and keys and that of weights and values. Embeddings, normalisations and
    softmax are not counted.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    tokens = float(sum(token_counts))
    pairs = float(sum(count * count for count in token_counts))
    return 2.0 * layers * (tokens * (4 * hidden * hidden + 2 * hidden * inner) + 2 * pairs * hidden)
