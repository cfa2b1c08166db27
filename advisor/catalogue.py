"""Every candidate as one row of data: advisor's own, and those that other packages add (docs/adding-a-candidate.md).

Imports only the standard library.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from advisor.device import CPU, kind_of
from advisor.errors import CandidateWarning
from advisor.types import ExporterName, Hardware, ObjectiveName, Precision, Runtime

GROUP = "advisor.candidates"
"""The entry points through which a package adds candidates; each names a `Candidate`."""

ST_DOCS = "https://sbert.net/docs/sentence_transformer/usage/efficiency.html"

MIXED = "openvino-qint8-mixed"

FLASH_PACKAGES = ("flash-attn", "kernels")
"""Either brings Flash Attention 2 to transformers; `kernels` fetches it from the hub
(https://huggingface.co/docs/transformers/attention_interface)."""

CUDA_PROVIDER = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A way to run a model.

    `simplicity` breaks ties: the lower, the less a user has to install, convert or explain.
    `needs` are requirements by name, checked by `unmet`.
    """

    name: str
    runtime: Runtime
    precision: Precision
    simplicity: int
    file: str | None = None
    device: str = CPU
    """Where it can run: only `cpu`, only `cuda`, or `any` device that its runtime has (`device_of`)."""
    needs: tuple[str, ...] = ()
    on_request: bool = False
    """Only tried, and only listed, when the user names it."""
    same_as: str | None = None
    """A candidate that measured the same within noise, since the runtime makes the same of it (docs/exporting.md)."""
    but_for: ObjectiveName | None = None
    """The objective for which it measured faster than `same_as` all the same."""
    pays_with: str | None = None
    """What the machine must have for it to be worth a try; it runs without."""
    recommended_by: str = ST_DOCS
    says: str = ""
    attention: str | None = None
    """The torch session's `attn_implementation`."""
    compiled: bool = False
    """Whether the torch session compiles it when it opens."""
    exporter: str | None = None
    """`module:function` that makes `file` in the export process, for what advisor has no recipe of its own."""
    source: str | None = None
    """The file of advisor's own that the exporter starts from; None for the model itself."""
    calibrated: bool = False
    """Whether the exporter gets the sampled texts."""
    provided_by: str | None = None
    """The package, with its version, that added it; set by advisor, None for its own."""


def _optimized(level: str, *, says: str, but_for: ObjectiveName | None = None) -> Candidate:
    return Candidate(
        name=f"onnx-{level}",
        runtime="onnx",
        precision="fp32",
        simplicity=3,
        file=f"onnx/model_{level}.onnx",
        same_as="onnx",
        but_for=but_for,
        device="any",
        says=says,
    )


def _onnx_int8(variant: str, *, need: str) -> Candidate:
    return Candidate(
        name=f"onnx-{variant}",
        runtime="onnx",
        precision="int8",
        simplicity=4,
        file=f"onnx/model_{variant.replace('-', '_')}.onnx",
        needs=(need,),
        on_request=True,
        says=f"dynamic int8 weights and activations, the {variant} configuration",
    )


def _compiled(precision: Precision, *, device: str, needs: tuple[str, ...] = ()) -> Candidate:
    return Candidate(
        name=f"torch-{precision}-compile",
        runtime="torch",
        precision=precision,
        simplicity=3,
        device=device,
        needs=("cxx", *needs),
        on_request=True,
        compiled=True,
        recommended_by="https://docs.pytorch.org/docs/stable/generated/torch.compile.html",
        says=f"torch-{precision} compiled by torch.compile for batches of any shape, each time that it is opened",
    )


_ONNX_INT8 = (
    _onnx_int8("qint8-avx512_vnni", need="avx512_vnni"),
    _onnx_int8("qint8-avx512", need="avx512f"),
    _onnx_int8("quint8-avx2", need="avx2"),
    _onnx_int8("qint8-arm64", need="arm64"),
)
"""`onnx-qint8` is the first of these that the machine can run.

The order is the one of Sentence Transformers' own `export_dynamic_quantized_onnx_model` documentation.
"""

CATALOGUE: tuple[Candidate, ...] = (
    Candidate(
        name="torch-fp32",
        runtime="torch",
        precision="fp32",
        simplicity=0,
        device="any",
        says="Sentence Transformers as it runs by default: the baseline",
    ),
    Candidate(
        name="torch-bf16",
        runtime="torch",
        precision="bf16",
        simplicity=1,
        device="any",
        says="the same weights in bfloat16",
    ),
    Candidate(
        name="torch-fp16",
        runtime="torch",
        precision="fp16",
        simplicity=1,
        pays_with="native_fp16",
        device="any",
        says="the same weights in float16",
    ),
    Candidate(
        name="torch-fp16-fa2",
        runtime="torch",
        precision="fp16",
        simplicity=2,
        device="cuda",
        needs=("cuda", "flash_attention"),
        attention="flash_attention_2",
        says="float16 with Flash Attention 2, which also leaves out the padding",
    ),
    _compiled("fp32", device="any"),
    _compiled("bf16", device="any"),
    _compiled("fp16", device="cuda", needs=("cuda",)),
    Candidate(
        name="onnx",
        runtime="onnx",
        precision="fp32",
        simplicity=2,
        file="onnx/model.onnx",
        device="any",
        says="the ONNX graph as exported",
    ),
    _optimized("O1", says="basic graph optimisations, saved in the file"),
    _optimized("O2", says="O1 plus transformer fusions", but_for="latency"),
    _optimized("O3", says="O2 plus the approximated GELU"),
    Candidate(
        name="onnx-O4",
        runtime="onnx",
        precision="fp16",
        simplicity=3,
        file="onnx/model_O4.onnx",
        device="cuda",
        needs=("cuda",),
        says="O3 in float16, for CUDA GPUs",
    ),
    Candidate(
        name="onnx-qint8",
        runtime="onnx",
        precision="int8",
        simplicity=4,
        says="dynamic int8, in the variant that fits this machine",
    ),
    *_ONNX_INT8,
    Candidate(
        name="openvino",
        runtime="openvino",
        precision="fp32",
        simplicity=2,
        file="openvino/openvino_model.xml",
        says="OpenVINO with its inference precision pinned to f32",
    ),
    Candidate(
        name="openvino-bf16",
        runtime="openvino",
        precision="bf16",
        simplicity=2,
        file="openvino/openvino_model.xml",
        needs=("native_bf16",),
        says="the same file with its inference precision named bf16",
    ),
    Candidate(
        name="openvino-qint8",
        runtime="openvino",
        precision="int8",
        simplicity=4,
        file="openvino/openvino_model_qint8_quantized.xml",
        says="static int8, calibrated on the sampled texts",
    ),
    Candidate(
        name=MIXED,
        runtime="openvino",
        precision="int8",
        simplicity=5,
        file="openvino/openvino_model_qint8_mixed.xml",
        recommended_by="https://docs.openvino.ai/2025/openvino-workflow/model-optimization-guide/"
        "quantizing-models-post-training/quantizing-with-accuracy-control.html",
        says="openvino-qint8 with the layers that cost most in higher precision, where it is over the loss budget",
    ),
)

_BY_NAME = {candidate.name: candidate for candidate in CATALOGUE}


def candidates() -> tuple[Candidate, ...]:
    """Every candidate, advisor's own first. Reads the entry points of the installed packages once a process.

    Warns with CandidateWarning of each that cannot be used; the others can.
    """
    return (*CATALOGUE, *_outside())


def names() -> tuple[str, ...]:
    """All candidates' names, in the catalogue's order."""
    return tuple(each.name for each in candidates())


def find(name: str) -> Candidate | None:
    """The candidate called `name`, None if there is none. Other packages are asked only where advisor has none."""
    own = _BY_NAME.get(name)
    return own if own is not None else next((each for each in _outside() if each.name == name), None)


def get(name: str) -> Candidate:
    """The candidate called `name`; raises KeyError."""
    found = find(name)
    if found is None:
        raise KeyError(name)
    return found


def _int8_variant(hardware: Hardware) -> Candidate | None:
    return next((each for each in _ONNX_INT8 if unmet(each, hardware) is None), None)


def file_of(candidate: Candidate, hardware: Hardware) -> str | None:
    """The relative file that a candidate becomes on this machine; None for torch."""
    if candidate.name == "onnx-qint8":
        variant = _int8_variant(hardware)
        return None if variant is None else variant.file
    return candidate.file


def native_bf16(hardware: Hardware) -> bool:
    """Whether the machine has instructions for bf16."""
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(hardware.cpu.isa))


def device_of(candidate: Candidate, device: str) -> str:
    """Where a candidate runs in a run on `device`: there, or on the CPU.

    ONNX Runtime's provider for Apple's GPUs (CoreML) takes no dynamic shapes, and is not tried.
    """
    kind = kind_of(device)
    if candidate.device == "any":
        return device if candidate.runtime == "torch" or kind == "cuda" else CPU
    return device if candidate.device == kind else candidate.device


def provider_of(candidate: Candidate, device: str) -> str:
    """ONNX Runtime's execution provider for a candidate in a run on `device`."""
    return CUDA_PROVIDER if kind_of(device_of(candidate, device)) == "cuda" else "CPUExecutionProvider"


def is_flash_capable(hardware: Hardware) -> bool:
    """Whether the GPU runs Flash Attention 2: Ampere or newer (https://github.com/Dao-AILab/flash-attention)."""
    gpu = next((gpu for gpu in hardware.gpus if gpu.kind == "cuda"), None)
    major = "" if gpu is None or gpu.compute_capability is None else gpu.compute_capability.partition(".")[0]
    return major.isdigit() and int(major) >= 8


_NEEDS: Mapping[str, tuple[Callable[[Hardware], bool], str]] = {
    "cuda": (lambda machine: machine.cuda, "a CUDA GPU"),
    "flash_attention": (is_flash_capable, "a CUDA GPU of compute capability 8.0 or more"),
    "cxx": (
        lambda machine: machine.cxx is not None,
        "a C++ compiler (g++, or what the variable CXX names), with which PyTorch compiles the model",
    ),
    "native_bf16": (native_bf16, "a CPU with native bf16 (avx512_bf16, amx_bf16 or ARM bf16)"),
    "arm64": (lambda machine: machine.cpu.arch == "arm64", "an ARM64 CPU"),
    "avx2": (lambda machine: "avx2" in machine.cpu.isa, "a CPU with avx2"),
    "avx512f": (lambda machine: "avx512f" in machine.cpu.isa, "a CPU with avx512f"),
    "avx512_vnni": (lambda machine: "avx512_vnni" in machine.cpu.isa, "a CPU with avx512_vnni"),
}
"""What a candidate may need of a machine: whether the machine has it, and what it is in words."""


def unmet(candidate: Candidate, hardware: Hardware) -> str | None:
    """Why a candidate cannot run on this machine, as the end of a sentence; None if it can."""
    for need in candidate.needs:
        is_met, what = _NEEDS[need]
        if not is_met(hardware):
            return f"needs {what}"
    if candidate.name == "onnx-qint8" and _int8_variant(hardware) is None:
        return "needs AVX2, AVX-512 or an ARM64 CPU"
    return None


def missing_provider(candidate: Candidate, hardware: Hardware, device: str) -> str | None:
    """Why the installed ONNX Runtime cannot run a candidate on `device`, as the end of a sentence; None if it can.

    On a GPU it never falls back to the CPU: that would be a slow success.
    """
    providers = hardware.onnxruntime_providers
    if candidate.runtime != "onnx" or providers is None or provider_of(candidate, device) in providers:
        return None
    return f"needs onnxruntime-gpu instead of onnxruntime to run on {device} (pip install onnxruntime-gpu)"


def hardly_pays(candidate: Candidate, hardware: Hardware, device: str = CPU) -> str | None:
    """Why a candidate that runs here is not worth a try, as the end of a sentence; None if it may be.

    In a run on a CUDA GPU, what can only run on the CPU is left out: the flowchart has no place for it.
    Without instructions for it, PyTorch computes float16 through float32: 0.23 of the baseline's speed
    (docs/exporting.md). ARM64 CPUs have had them since ARMv8.2.
    """
    if kind_of(device) == "cuda" and device_of(candidate, device) == CPU:
        return f"runs on the CPU, and this run is for {device}: --device cpu is for the CPU, --candidates tries it here"
    if candidate.pays_with != "native_fp16" or hardware.gpus or hardware.cpu.arch != "x86_64":
        return None
    if {"avx512_fp16", "amx_fp16"} & set(hardware.cpu.isa):
        return None
    return (
        "this CPU has no float16 instructions (avx512_fp16, amx_fp16), and without them it was 4x slower than float32 "
        "where we measured; --candidates tries it here"
    )


_PACKAGES: dict[Runtime, tuple[str, ...]] = {
    "torch": (),
    "onnx": ("onnx", "onnxruntime"),
    "openvino": ("openvino",),
}


_OPTIMUM: dict[Runtime, tuple[str, ...]] = {"torch": (), "onnx": ("optimum-onnx",), "openvino": ("optimum-intel",)}


def missing_package(
    candidate: Candidate, installed: Collection[str], *, exporter: ExporterName = "native"
) -> str | None:
    """Which package a candidate lacks, as the end of a sentence; None if it has all. `installed` are distributions."""
    if candidate.attention is not None and not set(FLASH_PACKAGES) & set(installed):
        return f"needs {' or '.join(FLASH_PACKAGES)}: pip install {FLASH_PACKAGES[0]}"
    needed = _PACKAGES[candidate.runtime] + (("nncf",) if candidate.name in ("openvino-qint8", MIXED) else ())
    extra = "profile"
    if exporter == "optimum":
        needed, extra = needed + _OPTIMUM[candidate.runtime], "optimum"
    for package in needed:
        names = {package, "onnxruntime-gpu"} if package == "onnxruntime" else {package}
        if not names & set(installed):
            return f"needs {package}: pip install 'backend-advisor[{extra}]'"
    return None


def why_not(
    candidate: Candidate,
    hardware: Hardware,
    installed: Collection[str],
    *,
    device: str,
    exporter: ExporterName = "native",
) -> str | None:
    """Why a candidate cannot run here in a run on `device`, as the end of a sentence; None if it can."""
    return (
        unmet(candidate, hardware)
        or missing_package(candidate, installed, exporter=exporter)
        or missing_provider(candidate, hardware, device)
    )


# -- from other packages -------------------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_EXPORTER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_FILES: dict[Runtime, re.Pattern[str]] = {
    "onnx": re.compile(r"onnx/[\w.-]+\.onnx", re.ASCII),
    "openvino": re.compile(r"openvino/[\w.-]+\.xml", re.ASCII),
}
"""Where Sentence Transformers looks for a runtime's files."""


@functools.cache
def _outside() -> tuple[Candidate, ...]:
    from advisor import entry_points

    added: dict[str, Candidate] = {}
    for found in entry_points.read(GROUP):
        row = found.loaded
        problem = found.problem or _problem(row, {**_BY_NAME, **added})
        if problem is None:
            added[row.name] = replace(row, provided_by=found.distribution)
        else:
            warnings.warn(
                f"The candidate {found.name} of {found.distribution} is left out: {problem}.",
                CandidateWarning,
                stacklevel=2,
            )
    return tuple(added.values())


def _problem(row: object, taken: dict[str, Candidate]) -> str | None:
    """Why a row from outside cannot be used, as the end of a sentence."""
    if not isinstance(row, Candidate):
        return f"it is a {type(row).__name__}, not an advisor.catalogue.Candidate"
    if not isinstance(row.name, str) or not _NAME.fullmatch(row.name):
        return f"{row.name!r} is no name"
    if row.name in taken:
        return f"the name {row.name} is taken by {taken[row.name].provided_by or 'advisor'}"
    if row.runtime not in _FILES or row.precision not in get_args(Precision):
        return f"there are no files for the runtime {row.runtime!r} in the precision {row.precision!r}"
    if not isinstance(row.file, str) or not _FILES[row.runtime].fullmatch(row.file):
        return f"its file {row.file!r} is not of the form {_FILES[row.runtime].pattern}"
    files = {each.file: each.name for each in taken.values()} | {each.file: "onnx-qint8" for each in _ONNX_INT8}
    if row.file in files:
        return f"its file {row.file} is that of {files[row.file]}"
    if not isinstance(row.exporter, str) or not _EXPORTER.fullmatch(row.exporter):
        return f"its exporter {row.exporter!r} is not of the form module:function"
    if row.source is not None and row.source not in {each.file for each in CATALOGUE}:
        return f"it starts from {row.source!r}, which advisor does not make"
    unknown = [need for need in row.needs if need not in _NEEDS]
    if unknown:
        return f"it needs {unknown[0]!r}, which advisor does not know: it knows {', '.join(sorted(_NEEDS))}"
    return None
