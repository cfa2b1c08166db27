"""Which candidates are tried, in which order, and why the others are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor import catalogue
from advisor.catalogue import Candidate
from advisor.device import CPU, as_seen_on
from advisor.pipeline.spec import RunSpec
from advisor.types import BASELINE, Decision, ExporterName, Hardware, Outcome, Package


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to try, in order, and the outcomes of what is not tried."""

    candidates: tuple[Candidate, ...]
    skipped: tuple[Outcome, ...]


def plan(
    spec: RunSpec,
    decision: Decision,
    hardware: Hardware,
    packages: Sequence[Package],
    *,
    device: str = CPU,
    exporter: ExporterName = "native",
) -> Plan:
    """The challengers that the ruleset puts first, its pick, the baseline, the other challengers in the ruleset's
    order, and the rest.

    A candidate that runs another's graph, or that the machine has no instructions for, or that runs on the CPU in a run
    on a CUDA GPU, is left out unless the user or the ruleset names it.
    """
    hardware = as_seen_on(hardware, device)
    installed = {package.name for package in packages if package.version is not None}
    first = [each.candidate for each in decision.challengers if each.first]
    preferred = [*first, decision.recommendation, BASELINE, *(each.candidate for each in decision.challengers)]
    order = dict.fromkeys([*preferred, *catalogue.names()])
    candidates: list[Candidate] = []
    skipped: list[Outcome] = []
    for name in order:
        candidate = catalogue.get(name)
        named = name in preferred or name in (spec.candidates or ())
        if candidate.on_request and not named:
            continue
        reason = _why_not(spec, candidate, named=named) or catalogue.why_not(
            candidate, hardware, installed, device=device, exporter=exporter
        )
        if reason is None and not named:
            reason = catalogue.hardly_pays(candidate, hardware, device)
        if reason is None:
            candidates.append(candidate)
        else:
            skipped.append(skipped_outcome(candidate, reason))
    return Plan(candidates=tuple(candidates), skipped=tuple(skipped))


def skipped_outcome(candidate: Candidate, reason: str) -> Outcome:
    """The outcome of a candidate that was not tried."""
    return Outcome(name=candidate.name, status="skipped", reason=reason, precision=candidate.precision)


def _why_not(spec: RunSpec, candidate: Candidate, *, named: bool) -> str | None:
    if candidate.name in spec.skip:
        return "skipped as asked (--skip)"
    if candidate.name == BASELINE:
        return None
    if spec.candidates is not None and candidate.name not in spec.candidates:
        return "not among --candidates"
    if candidate.same_as is not None and candidate.but_for != spec.objective and not named:
        return f"as fast as {candidate.same_as} where we measured (docs/exporting.md); --candidates tries it here"
    return None
