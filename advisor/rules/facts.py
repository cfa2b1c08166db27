"""What the rules may know: the readings of one machine, model, set of texts and request, under fixed names. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from advisor.device import as_seen_on
from advisor.errors import InputError
from advisor.rules.values import parse_value
from advisor.rules.vocabulary import FACTS, FactSpec, FactValue
from advisor.types import Gpu, Hardware, ModelProfile, Request, TextProfile

_FOLLOWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cpu.vendor": ("cpu.model",),
        "cpu.arch": ("cpu.model", "cpu.vendor", "cpu.isa"),
        "gpu.cuda": ("gpu.name", "gpu.compute_capability", "gpu.memory_total_bytes"),
    }
)
"""What is no longer known once a fact is set to something else: an Intel CPU is not the AMD model that was read."""

_CUDA_DETAILS = ("gpu.compute_capability", "gpu.memory_total_bytes")


@dataclass(frozen=True, slots=True, eq=False)
class Facts(Mapping[str, FactValue]):
    """A read-only mapping from every name in `FACTS` to its value; None is unknown.

    `overridden` names the facts that the user set for a what-if. Raises KeyError for a name outside the vocabulary.
    """

    readings: Mapping[str, FactValue]
    overridden: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.readings) - set(FACTS))
        if unknown:
            raise KeyError(unknown[0])
        object.__setattr__(self, "readings", MappingProxyType({name: self.readings.get(name) for name in FACTS}))

    def __getitem__(self, name: str) -> FactValue:
        return self.readings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.readings)

    def __len__(self) -> int:
        return len(self.readings)

    def other_than(self, read: Facts) -> frozenset[str]:
        """The names of the facts that are not as they were read."""
        return frozenset(name for name in self if self[name] != read[name])


def collect_facts(
    *, hardware: Hardware, profile: TextProfile | None, model: ModelProfile | None, request: Request
) -> Facts:
    """The facts of a run. Those of texts or a model that are not given are unknown.

    With several GPUs the facts are those of the one that the request is for, else of the first CUDA one, which torch
    and ONNX Runtime use by default.
    """
    if request.device is not None:
        hardware = as_seen_on(hardware, request.device)
    cpu, memory = hardware.cpu, hardware.memory
    cuda = next((gpu for gpu in hardware.gpus if gpu.kind == "cuda"), None)
    mps = next((gpu for gpu in hardware.gpus if gpu.kind == "mps"), None)
    named = cuda or mps
    readings: dict[str, FactValue] = {
        "cpu.model": cpu.model,
        "cpu.vendor": None if cpu.vendor == "unknown" else cpu.vendor,
        "cpu.arch": cpu.arch,
        "cpu.isa": cpu.isa,
        "cpu.physical_cores": cpu.physical_cores,
        "cpu.usable_cores": cpu.usable_cores,
        "gpu.cuda": cuda is not None,
        "gpu.mps": mps is not None,
        "gpu.name": None if named is None else named.name,
        "gpu.compute_capability": _compute_capability(cuda),
        "gpu.memory_total_bytes": None if cuda is None else cuda.memory_total_bytes,
        "memory.total_bytes": memory.total_bytes,
        "memory.available_bytes": memory.available_bytes,
        "request.max_loss": request.max_loss,
        "request.objective": request.objective,
        "request.threads": request.threads,
    }
    if profile is not None:
        tokens = profile.tokens
        readings |= {
            "texts.chars_p50": profile.chars.p50,
            "texts.chars_p95": profile.chars.p95,
            "texts.fraction_under_500_chars": profile.fraction_under_500_chars,
            "texts.tokens_p50": None if tokens is None else tokens.p50,
            "texts.tokens_p95": None if tokens is None else tokens.p95,
            "texts.truncated_fraction": profile.truncated_fraction,
        }
    if model is not None:
        readings |= {
            "model.kind": model.kind,
            "model.architecture": model.architecture,
            "model.num_parameters": model.num_parameters,
            "model.embedding_dimension": model.embedding_dimension,
            "model.max_seq_length": model.max_seq_length,
        }
    return Facts(readings)


def with_overrides(facts: Facts, settings: Sequence[str]) -> Facts:
    """The facts of a what-if: each setting is `name=value`, such as `cpu.vendor=intel` or `request.max_loss=0.2%`.

    A fact that describes what was replaced becomes unknown unless it is set too: the compute capability with
    `gpu.cuda`, the model's name with `cpu.vendor`. Another median length of the texts stands for texts that all have
    that length. The last of two settings of one fact counts.

    Raises InputError for an unknown fact, a value of the wrong kind, and details of a CUDA GPU where there is none.
    """
    given: dict[str, FactValue] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals:
            raise InputError(f"{setting!r} sets nothing.", hint="Write NAME=VALUE, such as cpu.vendor=intel.")
        spec = FACTS.get(name)
        if spec is None:
            raise InputError(f"There is no fact called {name!r}.", hint=did_you_mean(name, tuple(FACTS)))
        try:
            given[name] = parse_value(spec, text)
        except ValueError as error:
            raise InputError(f"{name} cannot be set: {text.strip()!r} {error}.", hint=_example(spec)) from None
    readings = dict(facts)
    for name, value in given.items():
        if value != facts[name]:
            readings |= dict.fromkeys(_FOLLOWS.get(name, ()))
            if name == "texts.chars_p50":
                under = float(value < 500) if isinstance(value, int | float) else None
                readings["texts.fraction_under_500_chars"] = under
    readings |= given
    detail = next((name for name in _CUDA_DETAILS if given.get(name) is not None), None)
    if detail is not None and not readings["gpu.cuda"]:
        raise InputError(f"{detail} is set, but there is no CUDA GPU.", hint="Set gpu.cuda=yes as well.")
    return Facts(readings, facts.overridden | given.keys())


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint that names what is closest to `word`, or everything that is known."""
    close = difflib.get_close_matches(word, known, n=3)
    return f"Did you mean {' or '.join(close)}?" if close else f"Known are: {', '.join(known)}."


def _compute_capability(gpu: Gpu | None) -> float | None:
    try:
        return None if gpu is None or gpu.compute_capability is None else float(gpu.compute_capability)
    except ValueError:
        return None


def _example(spec: FactSpec) -> str:
    if spec.choices:
        value = next(iter(spec.choices))
    elif spec.unit == "fraction":
        value = "0.2%"
    elif spec.unit == "bytes":
        value = "24GiB"
    else:
        value = {"bool": "yes", "int": "4", "float": "8.0"}.get(spec.type, "NAME")
    return f"Write it like {spec.name}={value}."
