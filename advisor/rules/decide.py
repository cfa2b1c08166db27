"""Facts + graph -> Decision. Pure, and it always ends: a loaded ruleset has no cycle."""

from __future__ import annotations

from advisor.rules.conditions import evidence, holds
from advisor.rules.facts import Facts
from advisor.rules.ruleset import Branch, Leaf, Node, Ruleset
from advisor.types import Challenger, Decision, PathStep


def decide(ruleset: Ruleset, facts: Facts) -> Decision:
    """What the ruleset recommends for these facts, the path that led there, and the challengers to measure beside it.

    A step's `answer` is the branch's name in the ruleset (`CPU`), `yes` or `no` where it has none. A question about an
    unknown fact takes the branch that the node names. A challenger stands once, with the first rule that holds; an
    unknown fact keeps it out, and so does being the recommendation.
    """
    path: list[PathStep] = []
    ruleset = ruleset.for_kind(facts["model.kind"])
    item = ruleset.at(ruleset.start)
    while isinstance(item, Node):
        branch = _branch(item, facts)
        path.append(
            PathStep(
                node=item.id,
                question=item.question,
                answer=item.answer(branch),
                evidence=evidence(item.condition, facts),
            )
        )
        item = ruleset.at(item.target(branch))
    return Decision(
        ruleset=ruleset.name,
        path=tuple(path),
        recommendation=item.candidate,
        challengers=_challengers(ruleset, facts, item),
    )


def _branch(node: Node, facts: Facts) -> Branch:
    answer = holds(node.condition, facts)
    if answer is None:
        return node.unknown
    return "yes" if answer else "no"


def _challengers(ruleset: Ruleset, facts: Facts, leaf: Leaf) -> tuple[Challenger, ...]:
    chosen: dict[str, Challenger] = {}
    for rule in ruleset.challengers:
        fresh = rule.candidate != leaf.candidate and rule.candidate not in chosen
        if fresh and all(holds(condition, facts) for condition in rule.when):
            chosen[rule.candidate] = Challenger(
                candidate=rule.candidate, because=rule.because, source=rule.source, first=rule.first
            )
    return tuple(chosen.values())
