"""The stages before anything is exported: texts and rules. Alone they answer `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from advisor.model import resolve_model, token_counter
from advisor.pipeline.spec import RunSpec, check, request_of
from advisor.probe import probe
from advisor.rules import Facts, Ruleset, available_rulesets, collect_facts, decide, load_ruleset, with_overrides
from advisor.texts import reference_pairs, reference_texts, sample_pairs, sample_texts
from advisor.types import Decision, Hardware, ModelProfile, Request, TextProfile, TextSample

NUM_TEXTS = 512
"""Sampled texts: enough for the length profile's p95 and for nearest neighbours, few enough to embed in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the rules alone say."""

    hardware: Hardware
    model: ModelProfile | None
    profile: TextProfile | None
    decision: Decision
    alternatives: tuple[Decision, ...]
    overrides: tuple[str, ...]
    request: Request
    """With what `overrides` ask for."""
    simulated: bool
    """Whether the answer is for a machine, model or texts other than the ones that were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What the chosen ruleset says, and the others."""

    ruleset: Ruleset
    decision: Decision
    alternatives: tuple[Decision, ...]


def explain(spec: RunSpec, *, model: str | None, overrides: Sequence[str] = ()) -> Explanation:
    """Ask the rules only: no torch, no runtime, nothing exported or measured."""
    check(spec)
    hardware = probe(runtimes=False)
    request = request_of(spec, hardware)
    profile = (
        resolve_model(model, offline=spec.offline, trust_remote_code=spec.trust_remote_code)
        if model is not None
        else None
    )
    drawn = sample(spec, profile)
    read = collect_facts(hardware=hardware, profile=drawn.profile, model=profile, request=request)
    facts = with_overrides(read, overrides)
    decisions = ask_rules(spec.ruleset, facts)
    return Explanation(
        hardware=hardware,
        model=profile,
        profile=drawn.profile,
        decision=decisions.decision,
        alternatives=decisions.alternatives,
        overrides=tuple(overrides),
        request=_asked(request, facts),
        simulated=any(not name.startswith("request.") for name in facts.other_than(read)),
    )


def sample(spec: RunSpec, model: ModelProfile | None) -> TextSample:
    """The user's texts, or pairs where the model reads pairs, sampled; token lengths are by the model's tokenizer."""
    draw = sample_pairs if model is not None and model.kind == "cross-encoder" else sample_texts
    return draw(
        spec.texts,
        field=spec.field,
        num_texts=NUM_TEXTS,
        seed=spec.seed,
        tokenizer=None if model is None else token_counter(model),
        max_seq_length=None if model is None else model.max_seq_length,
        offline=spec.offline,
    )


def references(model: ModelProfile) -> tuple[str, ...]:
    """The fixed texts, or pairs, whose embeddings or scores prove an artifact of the model."""
    return reference_pairs() if model.kind == "cross-encoder" else reference_texts()


def ask_rules(name: str, facts: Facts) -> Decisions:
    """The answer of the ruleset called `name`, and every other one's answer to the same facts."""
    ruleset = load_ruleset(name)
    others = (load_ruleset(name) for name in available_rulesets() if name != ruleset.name)
    return Decisions(
        ruleset=ruleset,
        decision=decide(ruleset, facts),
        alternatives=tuple(decide(other, facts) for other in others),
    )


def _asked(request: Request, facts: Facts) -> Request:
    """The request with what a what-if asks for instead; what it sets to unknown stays."""
    changes: dict[str, Any] = {
        name: facts[f"request.{name}"]
        for name in ("max_loss", "objective", "threads")
        if facts[f"request.{name}"] is not None
    }
    return replace(request, **changes)
