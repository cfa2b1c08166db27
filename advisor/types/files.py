"""Files that can be run, and how they are run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """How the encoder runs a file. What is timed is what ships: these very settings go into the manifest."""

    threads: int
    tokens_per_batch: int | None = None
    """Upper bound of padded tokens in a batch; None where the torch session keeps `batch_size`."""
    batch_size: int | None = None
    """Texts in a batch, for the torch session (Sentence Transformers' default is 32)."""
    inference_precision: str | None = None
    """OpenVINO's INFERENCE_PRECISION_HINT: `f32` or `bf16`."""
    num_streams: int | None = None
    """Batches that run side by side and share `threads`: OpenVINO's NUM_STREAMS, or as many runs of ONNX Runtime."""
    spinning: bool | None = None
    """Whether ONNX Runtime's threads spin inside of a run while they wait for work."""
    dtype: str | None = None
    """The torch session's dtype: `float32`, `float16` or `bfloat16`."""
    device: str = "cpu"
    """As PyTorch names it: `cpu`, `cuda` (the first GPU), `cuda:1`, `mps`."""
    provider: str | None = None
    """ONNX Runtime's execution provider, always named."""
    attention: str | None = None
    """The torch session's `attn_implementation`, such as `flash_attention_2`; None for transformers' own choice."""
    compiled: bool | None = None
    """Whether the torch session compiles the transformer (torch.compile)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A candidate's files, ready to run. `file` is Sentence Transformers' relative name, None for torch."""

    candidate: str
    folder: Path
    """Holds `file` (and its sidecar) at the relative name; for torch candidates the model's own folder."""
    file: str | None
    settings: RuntimeSettings
    export_s: float | None
    """None where nothing was exported; the time of the original export where it came from the cache."""
    size_bytes: int
    cached: bool = False
    notes: tuple[str, ...] = ()
    """What the export really did here, in sentences for the user."""
    depth: int | None = None
    """To how many layers the model was cut; None for the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFile:
    """One file of an artifact, by its path relative to the artifact."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A written artifact."""

    path: Path
    files: tuple[ArtifactFile, ...]
