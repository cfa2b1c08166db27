"""One line for each thing that was found out before the race: the machine, the texts, the rules. Pure."""

from __future__ import annotations

from advisor.report import format as fmt
from advisor.report.glyphs import UNICODE, Glyphs
from advisor.types import Decision, Hardware, TextProfile


def machine(hardware: Hardware) -> str:
    """`2 cores, AMD EPYC, AVX-512 VNNI + BF16, 22 GiB free, no GPU`."""
    cpu = hardware.cpu
    parts = [fmt.cores(cpu.usable_cores), cpu.model or cpu.arch, fmt.instruction_sets(cpu.isa)]
    if hardware.memory.available_bytes is not None:
        parts.append(f"{fmt.memory(hardware.memory.available_bytes)} free")
    parts.append(" + ".join(gpu.name for gpu in hardware.gpus) or "no GPU")
    return ", ".join(part for part in parts if part)


def texts(profile: TextProfile) -> str:
    """`512 of 2,758: p50 47 chars / 11 tokens, p95 31 tokens, 0% truncated`; says so where they are built in."""
    lengths = [f"p50 {fmt.count(profile.chars.p50)} chars"]
    if profile.tokens is None:
        lengths.append(f"p95 {fmt.count(profile.chars.p95)} chars")
    else:
        lengths[0] += f" / {fmt.count(profile.tokens.p50)} tokens"
        lengths.append(f"p95 {fmt.count(profile.tokens.p95)} tokens")
    if profile.truncated_fraction is not None:
        lengths.append(f"{fmt.share(profile.truncated_fraction)} truncated")
    number = fmt.count(profile.num_sampled)
    if profile.num_seen != profile.num_sampled:
        number += f" of {fmt.count(profile.num_seen)}"
    return f"{number}{' built-in' if profile.builtin else ''}: {', '.join(lengths)}"


def rules(decision: Decision, glyphs: Glyphs = UNICODE) -> str:
    """`CPU ▸ 0.4% loss acceptable ▸ openvino-qint8   (sbert-2024)`."""
    answers = [step.answer for step in decision.path]
    path = f" {glyphs.arrow} ".join([*answers, decision.recommendation])
    return f"{path}   ({decision.ruleset})"
