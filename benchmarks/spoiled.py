"""Files that are worse than they need to be, and a model that is hard to quantise, for `accuracy.py`.

Everything here imports torch, so it runs in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

WORD_SALAD = "openvino-qint8, calibrated on word salad"
PER_TENSOR = "onnx-qint8, one scale a tensor"
FOUR_BITS = "openvino, 4-bit weights"
SPOILED = {
    WORD_SALAD: ("openvino", "salad/openvino_model.xml"),
    PER_TENSOR: ("onnx", "tensor/model.onnx"),
    FOUR_BITS: ("openvino", "bits/openvino_model.xml"),
}
"""Runtime and relative file of each."""

_OUTLIERS = 24


def apart(function: Callable[..., Any], *arguments: object) -> Any:
    """Run a function of this module in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def make_spoiled(model_path: Path, onnx: Path, openvino_: Path, folder: Path, threads: int) -> None:
    """Write all of `SPOILED` below `folder`, from the plain ONNX and OpenVINO files."""
    import nncf
    import openvino
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from advisor.export.loading import load
    from advisor.export.openvino_quantize import quantize_openvino

    files = {name: folder / file for name, (_, file) in SPOILED.items()}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
    quantize_dynamic(
        str(onnx),
        str(files[PER_TENSOR]),
        weight_type=QuantType.QInt8,
        per_channel=False,
        extra_options={"MatMulConstBOnly": True},
    )
    graph = openvino.Core().read_model(str(openvino_))
    compressed = nncf.compress_weights(
        graph, mode=nncf.CompressWeightsMode.INT4_SYM, ratio=1.0, group_size=128, all_layers=True
    )
    openvino.save_model(compressed, str(files[FOUR_BITS]), compress_to_fp16=False)
    model = load(str(model_path), trust_remote_code=False, threads=threads)
    quantize_openvino(model, openvino_, files[WORD_SALAD], texts=_word_salad(model_path), threads=threads)


def _word_salad(model_path: Path) -> Sequence[str]:
    """300 texts of pieces drawn evenly from the model's vocabulary."""
    from tokenizers import Tokenizer

    rng = random.Random(0)
    words = [word for word in Tokenizer.from_file(str(model_path / "tokenizer.json")).get_vocab() if word.isalnum()]
    words.sort()
    return [" ".join(rng.choices(words, k=rng.randint(4, 30))) for _ in range(300)]


def make_hard(model_path: Path, folder: Path, factor: float) -> None:
    """A copy of a BERT whose attention queries have a few channels that are `factor` times as large as they were.

    Rows of each query projection are scaled up, and the rows of the key projection that they meet down by as much: in
    float32 the model computes what it did before.
    """
    import torch
    from transformers import AutoModel

    shutil.copytree(model_path, folder, ignore=shutil.ignore_patterns("*.safetensors", "README.md", ".*"))
    model = AutoModel.from_pretrained(model_path, dtype=torch.float32).eval()
    rng = random.Random(0)
    with torch.no_grad():
        for layer in model.encoder.layer:
            query, key = layer.attention.self.query, layer.attention.self.key
            for channel in rng.sample(range(query.out_features), _OUTLIERS):
                for weights, scale in ((query, factor), (key, 1 / factor)):
                    weights.weight[channel] *= scale
                    weights.bias[channel] *= scale
    model.save_pretrained(folder)
