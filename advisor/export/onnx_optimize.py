"""Optimum's levels O1 to O4 with ONNX Runtime's own optimiser.

What the levels mean: https://huggingface.co/docs/optimum-onnx/onnxruntime/usage_guides/optimization. O1 is ONNX
Runtime's basic passes; O2 adds the transformer fusions; O3 approximates GELU by tanh; O4 converts to float16.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.export.check import APPROXIMATE_TOLERANCE, FP32_TOLERANCE, check, onnx_runner
from advisor.export.loading import LoadedModel
from advisor.export.onnx_files import load, node_counts, save

BERT_LIKE = (
    "albert",
    "bert",
    "camembert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "mpnet",
    "nomic_bert",
    "roberta",
    "xlm-roberta",
)
"""Model types whose graphs ONNX Runtime's `bert` optimiser is made for."""

_FUSIONS = ("Attention", "MultiHeadAttention", "SkipLayerNormalization", "LayerNormalization", "BiasGelu", "FastGelu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a level does beyond the basic passes."""

    fusions: bool
    approximate_gelu: bool = False
    float16: bool = False


LEVELS = {
    "O1": Level(fusions=False),
    "O2": Level(fusions=True),
    "O3": Level(fusions=True, approximate_gelu=True),
    "O4": Level(fusions=True, approximate_gelu=True, float16=True),
}


Optimize = Callable[[LoadedModel, Path, str, Path], Any]
"""The model, the plain file, the level's name and a folder for what must not be kept -> an `onnx.ModelProto`."""


def optimize_onnx(
    model: LoadedModel, source: Path, file: Path, *, optimize: Optimize | None = None, work: Path, threads: int
) -> tuple[str, ...]:
    """Write the level that `file`'s name ends with (`model_O3.onnx`), made from the plain file `source`.

    Returns notes with the node counts found; raises ExportError if the file does not answer as torch does.
    """
    name = file.stem.rpartition("_")[2]
    level = LEVELS[name]
    config = model.transformer.config
    graph = (optimize or by_onnxruntime)(model, source, name, work)
    save(graph, file)
    counts = node_counts(graph)
    before = node_counts(load(source)).total()
    notes = [f"{name}: {before} nodes before, {counts.total()} after{_named(counts)}."]
    if optimize in (None, by_onnxruntime) and level.fusions and config.model_type not in BERT_LIKE:
        notes.append(
            f"ONNX Runtime's optimiser has no fusions made for {config.model_type}; those for BERT were tried."
        )
    if level.float16:
        return (*notes, _check_float16(model, file, threads))
    tolerance = APPROXIMATE_TOLERANCE if level.approximate_gelu else FP32_TOLERANCE
    difference = check(onnx_runner(file, threads=threads), model.probes, tolerance=tolerance)
    loaded = _as_loaded(source, work)
    return (
        *notes,
        f"ONNX Runtime itself fuses the plain file to {loaded.total()} nodes{_named(loaded)} when it loads it.",
        f"Within {difference:.1e} of torch.",
    )


def by_onnxruntime(model: LoadedModel, source: Path, name: str, work: Path) -> Any:
    """By ONNX Runtime's own optimiser."""
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    level = LEVELS[name]
    options = FusionOptions("bert")
    options.enable_gelu_approximation = level.approximate_gelu
    # As Optimum does: a fused embedding cannot be quantised. It would also need right-padded masks, as would
    # Attention with the index of the mask's end; the raw mask serves any side.
    options.enable_embed_layer_norm = False
    options.use_raw_attention_mask(True)
    text_config = model.transformer.config.get_text_config()
    optimizer = optimize_model(
        str(source),
        model_type="bert",
        num_heads=getattr(text_config, "num_attention_heads", 0),
        hidden_size=getattr(text_config, "hidden_size", 0),
        optimization_options=options,
        opt_level=1,  # higher levels fuse before the transformer fusions can, and bind the file to this CPU
        only_onnxruntime=not level.fusions,
    )
    if level.float16:
        optimizer.convert_float_to_float16(keep_io_types=True)
    return optimizer.model


def _as_loaded(source: Path, work: Path) -> Counter[str]:
    """The nodes of `source` after the optimisations that ONNX Runtime does by default when it loads a file."""
    import onnx
    import onnxruntime

    path = work / "as_loaded.onnx"
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "as_loaded.data")
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return node_counts(onnx.load_model(str(path), load_external_data=False))


def _named(counts: Counter[str]) -> str:
    named = ", ".join(f"{counts[name]} {name}" for name in _FUSIONS if counts[name])
    return f" ({named})" if named else ""


def _check_float16(model: LoadedModel, file: Path, threads: int) -> str:
    """Run the file where it is meant to run, or say that it could not be run here."""
    import onnxruntime

    cuda = "CUDAExecutionProvider"
    if cuda not in onnxruntime.get_available_providers():
        return "Not run: this ONNX Runtime has no CUDAExecutionProvider."
    difference = check(onnx_runner(file, threads=threads, provider=cuda), model.probes, tolerance=APPROXIMATE_TOLERANCE)
    return f"Within {difference:.1e} of torch."
