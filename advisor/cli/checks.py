"""What is wrong with an environment, and what to do about it. Pure: the facts are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from advisor.report import format as fmt
from advisor.report.doctor import CacheState, Check, Extra, State
from advisor.types import Hardware

LOW_DISK_BYTES = 2_000_000_000
"""The exports of one model of 110M parameters take about that: two graphs of 440 MB, their int8 variants, scratch."""

LOW_MEMORY_BYTES = 2 * 1024**3
"""PyTorch with a small model takes half of it; one candidate runs at a time where memory is short."""

_NEEDS_GPU = "pip uninstall onnxruntime && pip install onnxruntime-gpu"
_AN_EXTRA = "pip install -U 'backend-advisor[{}]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the checks look at. `versions` are of installed distributions; None elsewhere stands for unknown."""

    hardware: Hardware
    versions: Mapping[str, str]
    core: Extra
    """What advisor itself needs."""
    extras: tuple[Extra, ...]
    cache: CacheState
    cache_unwritable: str | None
    """Why nothing can be written there, as the end of a sentence."""
    disk_free_bytes: int | None
    logical_cpus: int
    load: float | None
    offline: bool
    hidden_gpus: bool
    """Whether CUDA_VISIBLE_DEVICES hides every GPU."""
    unicode: bool
    tf32_forced: bool = False
    """Whether NVIDIA_TF32_OVERRIDE turns TF32 on, whatever a program asks for."""


def run_checks(facts: Facts) -> tuple[Check, ...]:
    """Every check, in the order in which they are read."""
    return tuple(
        check
        for look in (_packages, _onnxruntimes, _optimum, _runtimes, _gpu, _cores, _memory, _load, _cache, _disk, _modes)
        for check in look(facts)
    )


def _ok(name: str, finding: str) -> Check:
    return Check(name=name, state="ok", finding=finding)


def _note(name: str, finding: str, remedy: str | None = None) -> Check:
    return Check(name=name, state="note", finding=finding, remedy=remedy)


def _failed(name: str, finding: str, remedy: str) -> Check:
    return Check(name=name, state="failed", finding=finding, remedy=remedy)


def _packages(facts: Facts) -> Iterator[Check]:
    wrong = (*facts.core.missing, *facts.core.unfit)
    if wrong:
        finding = f"advisor itself lacks or does not take {', '.join(wrong)}"
        yield _failed("packages", finding, "pip install -U backend-advisor")
    for extra in facts.extras:
        if extra.unfit:
            # Where parts are missing, nobody has asked for this extra: the versions may be meant for something else.
            state: State = "note" if extra.missing else "failed"
            finding = f"the extra {extra.name} does not take {', '.join(extra.unfit)}"
            yield Check(name="packages", state=state, finding=finding, remedy=_AN_EXTRA.format(extra.name))
    if not wrong and not any(extra.unfit for extra in facts.extras):
        yield _ok("packages", "all that are installed have versions that advisor takes")


def _onnxruntimes(facts: Facts) -> Iterator[Check]:
    variants = sorted(name for name in facts.versions if name == "onnxruntime" or name.startswith("onnxruntime-"))
    if len(variants) > 1:
        finding = f"{' and '.join(variants)} are installed, and overwrite each other's files"
        remedy = f"uninstall all of them, then install one: pip uninstall {' '.join(variants)}"
        yield _failed("onnxruntime", finding, remedy)


def _optimum(facts: Facts) -> Iterator[Check]:
    old = [name for name in ("optimum-onnx", "optimum-intel") if name in facts.versions]
    transformers = facts.versions.get("transformers", "")
    if old and transformers.partition(".")[0] == "5":
        finding = f"{' and '.join(f'{name} {facts.versions[name]}' for name in old)} beside transformers {transformers}"
        remedy = "Optimum may not load there, while advisor does without it; keep it in an environment of its own"
        yield _note("optimum", finding, remedy)


def _runtimes(facts: Facts) -> Iterator[Check]:
    for fact in facts.hardware.facts:
        if fact.name not in {"onnxruntime.providers", "openvino.devices", "torch.devices"}:
            continue
        package = fact.name.partition(".")[0]
        if fact.value is not None:
            yield _ok(package, "answers")
        elif fact.note is not None and fact.note != "not installed":
            yield _failed(package, fact.note, f"pip install --force-reinstall {package}")


def _gpu(facts: Facts) -> Iterator[Check]:
    if facts.hidden_gpus:
        yield _note("gpu", "CUDA_VISIBLE_DEVICES hides every GPU", "unset it to measure on one")
    if not facts.hardware.cuda:
        return
    providers = facts.hardware.onnxruntime_providers
    if providers is not None and "CUDAExecutionProvider" not in providers:
        yield _note("gpu", "there is a CUDA GPU, and ONNX Runtime cannot use it", _NEEDS_GPU)
    usable = facts.hardware.torch_devices
    if usable is not None and any(device.startswith("cuda") for device in usable):
        yield _ok("gpu", f"PyTorch can use {', '.join(usable)}")
    elif usable is not None and not facts.versions.get("torch", "").endswith("+cpu"):
        finding = f"there is a CUDA GPU, and torch {facts.versions.get('torch', '')} finds none"
        yield _note("gpu", finding, "its CUDA may need a newer driver: https://pytorch.org/get-started/locally/")
    if facts.tf32_forced:
        finding = "NVIDIA_TF32_OVERRIDE=1 computes float32 in TF32, so that the baseline is no float32"
        yield _failed("gpu", finding, "unset it")
    if facts.versions.get("torch", "").endswith("+cpu"):
        finding = f"there is a CUDA GPU, and torch {facts.versions['torch']} is built without CUDA"
        yield _note("gpu", finding, "install a CUDA build: https://pytorch.org/get-started/locally/")


def _cores(facts: Facts) -> Iterator[Check]:
    usable, threads = facts.hardware.cpu.usable_cores, facts.hardware.threads
    said = f"advisor uses {fmt.plural(threads, 'thread')}"
    if usable < facts.logical_cpus:
        finding = f"affinity or the container grants {usable:g} of {facts.logical_cpus} logical CPUs: {said}"
        yield _note("cores", finding)
    else:
        yield _ok("cores", f"all {facts.logical_cpus} logical CPUs may be used: {said}")


def _memory(facts: Facts) -> Iterator[Check]:
    free = facts.hardware.memory.available_bytes
    if free is None:
        return
    if free < LOW_MEMORY_BYTES:
        yield _note("memory", f"{fmt.memory(free)} are free", "close other programs before you measure")
    else:
        yield _ok("memory", f"{fmt.memory(free)} are free")


def _load(facts: Facts) -> Iterator[Check]:
    if facts.load is not None and facts.load > facts.logical_cpus / 2:
        finding = f"the load is {facts.load:.1f} on {facts.logical_cpus} logical CPUs"
        yield _note("load", finding, "close other programs before you measure")


def _cache(facts: Facts) -> Iterator[Check]:
    cache = facts.cache
    elsewhere = "name another folder in the variable ADVISOR_CACHE"
    problem = cache.problem or facts.cache_unwritable
    if problem is not None:
        yield _failed("cache", f"{cache.path}: {problem}", elsewhere)
    elif cache.num_broken:
        finding = f"{fmt.plural(cache.num_broken, 'export')} of no use, made anew when needed"
        yield _note("cache", finding, "advisor cache --prune")
    else:
        yield _ok("cache", f"{cache.path} can be written to")


def _disk(facts: Facts) -> Iterator[Check]:
    free = facts.disk_free_bytes
    if free is None:
        return
    if free < LOW_DISK_BYTES:
        remedy = "free some space (advisor cache --prune), or name another disk in the variable ADVISOR_CACHE"
        yield _failed("disk", f"{fmt.size(free)} are free where the cache is", remedy)
    else:
        yield _ok("disk", f"{fmt.size(free)} are free where the cache is")


def _modes(facts: Facts) -> Iterator[Check]:
    if facts.offline:
        finding = "HF_HUB_OFFLINE is set: a model that is not in the cache cannot be had"
        yield _note("hub", finding, "unset it to download one")
    if not facts.unicode:
        yield _note("locale", "the locale or the encoding is not UTF-8: ASCII signs stand in", "set LC_ALL=C.UTF-8")
