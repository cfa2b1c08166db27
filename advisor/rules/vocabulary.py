"""The vocabulary of the rules: every fact that a ruleset may ask about. `docs/rules.md` lists the same table."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from advisor.objectives import OBJECTIVES
from advisor.types import ARM_ISA, X86_ISA, ModelKind

FactType = Literal["bool", "int", "float", "text", "set"]
FactValue = bool | int | float | str | tuple[str, ...] | None
"""A fact's value; None where it is unknown. A `set` is a tuple of distinct strings."""

MAX_LOSS = "request.max_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSpec:
    """One fact: its name, type, meaning and unit.

    `unit` is None, `fraction` (0 to 1, shown as a percentage), `bytes`, `characters`, `tokens`, `cores` or `threads`.
    `choices` are the only values that make sense; empty where any value of the type does.
    """

    name: str
    type: FactType
    description: str
    unit: str | None = None
    choices: Collection[str] = ()


_ISA = (*X86_ISA, *ARM_ISA)
"""What the probe may report, so that a misspelt instruction set is an error and not a condition that never holds."""

_SPECS = (
    FactSpec(name="cpu.model", type="text", description="The processor's name, as it reports it."),
    FactSpec(
        name="cpu.vendor",
        type="text",
        description="Who makes the processor.",
        choices=("intel", "amd", "arm", "apple"),
    ),
    FactSpec(name="cpu.arch", type="text", description="The architecture: `x86_64`, `arm64`, or what the system says."),
    FactSpec(
        name="cpu.isa", type="set", description="The instruction sets that matter to these runtimes.", choices=_ISA
    ),
    FactSpec(name="cpu.physical_cores", type="int", unit="cores", description="Physical cores of the machine."),
    FactSpec(
        name="cpu.usable_cores",
        type="float",
        unit="cores",
        description="Cores that affinity and the container's quota grant; may be fractional.",
    ),
    FactSpec(name="gpu.cuda", type="bool", description="Whether a CUDA GPU is present."),
    FactSpec(name="gpu.mps", type="bool", description="Whether an Apple GPU (MPS) is present."),
    FactSpec(name="gpu.name", type="text", description="The first CUDA GPU's name, else the Apple GPU's."),
    FactSpec(name="gpu.compute_capability", type="float", description="The first CUDA GPU's compute capability."),
    FactSpec(
        name="gpu.memory_total_bytes", type="int", unit="bytes", description="The first CUDA GPU's memory in all."
    ),
    FactSpec(
        name="memory.total_bytes", type="int", unit="bytes", description="Main memory under the container's limit."
    ),
    FactSpec(name="memory.available_bytes", type="int", unit="bytes", description="Main memory that is free to use."),
    FactSpec(name="texts.chars_p50", type="float", unit="characters", description="The median text's length."),
    FactSpec(name="texts.chars_p95", type="float", unit="characters", description="The 95th percentile of lengths."),
    FactSpec(
        name="texts.fraction_under_500_chars",
        type="float",
        unit="fraction",
        description="Share of the sampled texts that are shorter than 500 characters.",
    ),
    FactSpec(name="texts.tokens_p50", type="float", unit="tokens", description="The median text's length in tokens."),
    FactSpec(
        name="texts.tokens_p95", type="float", unit="tokens", description="The 95th percentile of lengths in tokens."
    ),
    FactSpec(
        name="texts.truncated_fraction",
        type="float",
        unit="fraction",
        description="Share of the sampled texts that the model's maximum length cuts.",
    ),
    FactSpec(
        name="model.kind",
        type="text",
        description="What the model makes of texts.",
        choices=get_args(ModelKind),
    ),
    FactSpec(name="model.architecture", type="text", description="The model's class, such as `BertModel`."),
    FactSpec(name="model.num_parameters", type="int", description="The model's number of parameters."),
    FactSpec(name="model.embedding_dimension", type="int", description="The length of an embedding."),
    FactSpec(
        name="model.max_seq_length", type="int", unit="tokens", description="The model's maximum length of a text."
    ),
    FactSpec(
        name=MAX_LOSS,
        type="float",
        unit="fraction",
        description="The accuracy loss that is acceptable, relative to the baseline.",
    ),
    FactSpec(
        name="request.objective",
        type="text",
        description="What is asked for.",
        choices=OBJECTIVES.keys(),
    ),
    FactSpec(name="request.threads", type="int", unit="threads", description="The thread budget of every runtime."),
)

FACTS: Mapping[str, FactSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Every fact by name, in display order."""
