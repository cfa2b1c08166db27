"""How slow the model is here, before anything is measured. It plans the exports, and is told nobody."""

from __future__ import annotations

from advisor.encode.modules import read_pipeline
from advisor.encode.safetensors import read_header
from advisor.errors import AdvisorError
from advisor.model.weights import read_weights
from advisor.types import ModelProfile, TextProfile

_FLOP_PER_S = 5e10
"""Of a thread: half of the ceiling that was measured in float32 (docs/benchmarks.md)."""


def seconds_per_text(model: ModelProfile, texts: TextProfile, *, threads: int) -> float | None:
    """About how long the baseline takes for a text on a CPU: 2 FLOP a parameter and token (Kaplan et al. 2020,
    arXiv:2001.08361, section 2.1). None where the weights or the tokens are not known."""
    parameters = _num_parameters(model)
    if parameters is None or texts.tokens is None:
        return None
    tokens = min(texts.tokens.mean, model.max_seq_length or texts.tokens.mean)
    return 2 * parameters * tokens / (_FLOP_PER_S * threads)


def _num_parameters(model: ModelProfile) -> int | None:
    """Without the largest matrix, which is the table of embeddings: nothing is multiplied with it."""
    if model.num_parameters is None:
        return None
    try:
        files = read_weights(read_pipeline(model.path).transformer_folder).files
        sizes = [tensor.num_elements for file in files for tensor in read_header(file) if "F" in tensor.dtype]
    except (AdvisorError, OSError):
        return None
    return sum(sizes) - max(sizes, default=0)
