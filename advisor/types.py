"""The frozen data that flows between the stages. Units are in the names; SI inside, formatting at the edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Runtime = Literal["torch", "onnx", "openvino"]
Precision = Literal["fp32", "fp16", "bf16", "int8"]
Objective = Literal["throughput", "latency", "memory"]
ExporterName = Literal["native", "optimum"]
"""Whose tools make the files: PyTorch's and the runtimes' own, or Optimum's."""
Status = Literal["measured", "rejected", "cut", "failed", "skipped"]
Verdict = Literal["confirmed", "overturned", "tie", "inconclusive"]
LossMethod = Literal["estimated", "labelled"]
LabelKind = Literal["pairs", "triplets", "retrieval"]
ModelKind = Literal["embedding", "cross-encoder", "sparse-encoder"]
PairSource = Literal["given", "made"]

BASELINE = "torch-fp32"


# -- the machine ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known about the machine, and where it was read. `value` is None where it is unknown."""

    name: str
    value: bool | int | float | str | tuple[str, ...] | None
    source: str
    note: str | None = None


X86_ISA = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_bf16",
    "amx_fp16",
    "amx_int8",
)
"""The instruction sets that matter to these runtimes, in display order, spelled as in Linux'
arch/x86/include/asm/cpufeatures.h."""

ARM_ISA = ("asimd", "dotprod", "i8mm", "bf16", "sve")
"""In display order; Linux calls dotprod `asimddp` (https://docs.kernel.org/arch/arm64/elf_hwcaps.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpu:
    """A processor. `isa` holds only the instruction sets that matter to these runtimes, in a fixed order."""

    model: str | None
    vendor: str
    """`intel`, `amd`, `arm`, `apple` or `unknown`."""
    arch: str
    """`x86_64`, `arm64`, or what the operating system says."""
    isa: tuple[str, ...]
    physical_cores: int | None
    usable_cores: float
    """What affinity and the cgroup quota grant; may be fractional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Main memory under the cgroup's limit."""

    total_bytes: int | None
    available_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """An accelerator. `kind` is `cuda` or `mps`."""

    kind: str
    name: str
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    compute_capability: str | None = None
    driver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed distribution; `version` is None where it is not installed."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The machine. `facts` lists every reading with its source, in display order."""

    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...] = ()
    onnxruntime_providers: tuple[str, ...] | None = None
    openvino_devices: tuple[str, ...] | None = None
    torch_devices: tuple[str, ...] | None = None
    """What PyTorch can use, such as `cuda:0` and `cpu`; asked only where there is a GPU, None where it was not."""
    cxx: str | None = None
    """The C++ compiler that PyTorch's inductor would call; None where it is not found."""
    facts: tuple[Fact, ...] = ()

    @property
    def threads(self) -> int:
        """The thread budget that every runtime is given: whole usable cores, at least one."""
        return max(1, int(self.cpu.usable_cores))

    @property
    def cuda(self) -> bool:
        """Whether a CUDA GPU is present."""
        return any(gpu.kind == "cuda" for gpu in self.gpus)


# -- the model -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProfile:
    """A Sentence Transformers model on disk, read without torch."""

    id: str
    """As the user named it; for a folder, its name alone (never an absolute path)."""
    path: Path
    revision: str | None
    content_sha256: str
    architecture: str
    num_parameters: int | None
    weights_bytes: int | None
    embedding_dimension: int | None
    max_seq_length: int | None
    pooling: str
    """`mean`, `cls+max`; for a sparse encoder `splade-max`, and `none` for a cross-encoder."""
    trust_remote_code: bool = False
    kind: ModelKind = "embedding"
    """What it makes of texts: an embedding of each, a score of each pair, a sparse vector of each."""


# -- the texts -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthStats:
    """Statistics of lengths, in the unit that the holder names."""

    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """How many of the sampled texts are how long: `counts[i]` of them have `edges[i]` to `edges[i + 1]` (excluded)."""

    unit: Literal["tokens", "characters"]
    edges: tuple[int, ...]
    """Ascending whole numbers, spaced evenly on a logarithmic scale as far as whole numbers allow."""
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProfile:
    """Where texts came from and how long they are. Holds no text."""

    source: str
    field: str | None
    num_seen: int
    num_sampled: int
    seed: int
    chars: LengthStats
    tokens: LengthStats | None
    truncated_fraction: float | None
    """Share of the sampled texts over the model's maximum length; None without a tokenizer."""
    fraction_under_500_chars: float
    builtin: bool = False
    histogram: Histogram | None = None
    """In tokens where there was a tokenizer, else in characters."""
    pairs: PairSource | None = None
    """Whether the texts are pairs for a cross-encoder, and whether they were given or made of single texts. A pair's
    length is that of both its texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSample:
    """A uniform sample and its profile."""

    texts: tuple[str, ...]
    """Pairs as `advisor.pairs` writes them, where the profile says so."""
    profile: TextProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProfile:
    """Labelled data that the loss was measured on. Holds no text."""

    source: str
    kind: LabelKind
    num_items: int
    """Pairs, triplets or queries that were used."""
    num_items_seen: int
    """More than `num_items` where the time budget did not allow all of them."""
    num_stored: int
    """Distinct texts that are searched: documents, positives and negatives, the first texts of the pairs."""
    num_stored_seen: int
    num_skipped: int = 0
    """Rows without a text or without a score."""


# -- the rules -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One question that the ruleset asked, and what the facts answered."""

    node: str
    question: str
    answer: str
    evidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """A candidate that a ruleset wants measured beside its own pick."""

    candidate: str
    because: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What one ruleset says."""

    ruleset: str
    path: tuple[PathStep, ...]
    recommendation: str
    challengers: tuple[Challenger, ...]


# -- export, measure, accuracy -------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A median with its 95 % confidence interval (None where there are too few rounds for one)."""

    median: float
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A candidate beside another one, in the rounds that both ran: above 1 where it was faster than `rival`.

    None where they share fewer than 3 rounds.
    """

    rival: str
    speedup: Estimate | None
    latency_speedup: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What measuring a candidate gave."""

    texts_per_s: Estimate
    speedup: Estimate | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    load_s: float | None
    peak_rss_bytes: int | None
    rounds: int
    latency_speedup: Estimate | None = None
    """The baseline's median latency over this one's, paired in rounds of single texts: 2 halves the latency."""
    by_round: tuple[float, ...] = ()
    """Texts a second in each round of throughput, in order."""
    against: tuple[Against, ...] = ()
    """Beside each other candidate, the baseline included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthSpeed:
    """Speed on those texts alone that have `min_chars` to `max_chars` characters (None: no upper end)."""

    min_chars: int
    max_chars: int | None
    share: float
    """Of the sampled texts."""
    texts_per_s: Estimate
    speedup: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSetting:
    """Another way to run the same file, timed against the candidate's default settings."""

    label: str
    """What differs, for people: `2 streams`."""
    settings: RuntimeSettings
    speedup: Estimate
    """Over the default settings, in the objective's terms."""
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """A relative accuracy loss against the baseline: 0.004 is 0.4 %. May be slightly negative when labelled."""

    value: float
    ci95: tuple[float, float] | None
    method: LossMethod
    metric: str
    score: float | None = None
    """The candidate's own figure on the labels, in the metric's unit; None where the loss is estimated."""
    baseline_score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthLoss:
    """The estimated loss on pairs with a text of `min_chars` to `max_chars` characters (None: no upper end)."""

    min_chars: int
    max_chars: int | None
    share: float
    """Of the compared texts."""
    value: float
    ci95: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far a candidate's embeddings are from the baseline's, in figures that need no statistics."""

    num_texts: int
    """Distinct texts that were compared."""
    top10_overlap: float
    """The mean share of a text's 10 nearest neighbours that stay among its 10 nearest."""
    top10_overlap_p05: float
    """19 of 20 texts keep at least this share."""
    cosine_median: float
    """Between the baseline's and the candidate's embedding of the same text."""
    cosine_min: float
    batch_cosine_min: float | None = None
    """Between a text's embeddings in a batch and alone, the lowest; None where it was not tried."""
    mixed: Fidelity | None = None
    """The estimated loss where half of the stored vectors are still the baseline's, and queries are the candidate's."""
    by_length: tuple[LengthLoss, ...] = ()
    most_moved: tuple[int, ...] = ()
    """Which texts have the lowest cosine, by their place among the compared ones. In no document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything known about one candidate at the end. Unknown values are None, never invented."""

    name: str
    status: Status
    reason: str
    precision: Precision
    file: str | None = None
    settings: RuntimeSettings | None = None
    timing: Timing | None = None
    loss: Fidelity | None = None
    export_s: float | None = None
    size_bytes: int | None = None
    notes: tuple[str, ...] = ()
    log: str | None = None
    by_length: tuple[LengthSpeed, ...] = ()
    """Ascending; empty where lengths vary too little, or where the candidate was out of the race by then."""
    estimated: Fidelity | None = None
    """The loss without labels, where `loss` is labelled."""
    drift: Drift | None = None
    most_moved: str | None = None
    """A file on this machine with the five texts that moved most. In no document."""
    tried: tuple[TriedSetting, ...] = ()
    """Tuning; `settings` are the ones that were kept, and everything else was measured with them."""


# -- the answer ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What `choose` says: outcomes with final statuses, the winner (None if nothing is left) and the verdict."""

    outcomes: tuple[Outcome, ...]
    winner: str | None
    verdict: Verdict
    why: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for, validated."""

    objective: Objective = "throughput"
    max_loss: float = 0.004
    threads: int = 1
    seed: int = 0
    device: str | None = None
    """What the baseline runs on, as PyTorch names it; None where it has not been decided."""
    exporter: ExporterName = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How the figures came about."""

    started: str
    """When the first round that counts was run: UTC, ISO 8601."""
    num_rounds: int
    num_reused: int
    """Rounds that an earlier, interrupted or repeated run of the same command had finished."""
    num_reruns: int = 0
    """Races that were run again because the first one was inconclusive."""
    disturbed: str | None = None
    """What else the machine did, where it was too much for a verdict to rest on: a sentence without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The answer: the Python result, `--json` and the manifest are this one type, versioned."""

    advisor_version: str
    created: str
    """UTC, ISO 8601."""
    model: ModelProfile
    hardware: Hardware
    packages: tuple[Package, ...]
    texts: TextProfile
    decision: Decision
    alternatives: tuple[Decision, ...]
    request: Request
    candidates: tuple[Outcome, ...]
    winner: str | None
    verdict: Verdict
    why: str
    warnings: tuple[str, ...] = ()
    artifact: Artifact | None = None
    elapsed_s: float | None = None
    measurement: Measurement | None = None
    labels: LabelProfile | None = None
    """What the loss was measured on; None where it is estimated."""
    baseline: str = field(default=BASELINE)

    def outcome(self, name: str) -> Outcome | None:
        """The outcome of the candidate called `name`, None if it was not in the run."""
        return next((outcome for outcome in self.candidates if outcome.name == name), None)

    def to_dict(self) -> dict[str, object]:
        """The document described by `docs/recommendation.schema.json`."""
        from advisor.document import to_dict

        return to_dict(self)
