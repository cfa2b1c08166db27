"""A TOML document -> a checked `Ruleset`. Data only: nothing in a ruleset is ever evaluated as code."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Mapping
from typing import cast, get_args

from advisor import catalogue
from advisor.rules.check import check_graph
from advisor.rules.facts import did_you_mean
from advisor.rules.ruleset import COMPARISONS, Branch, ChallengerRule, Comparison, Condition, Leaf, Node, Ruleset, Start
from advisor.rules.table import Table
from advisor.rules.values import check_value
from advisor.rules.vocabulary import FACTS, FactSpec, FactValue
from advisor.types import ModelKind

_ID = re.compile(r"[A-Za-z0-9_-]+")
_CONDITION = ("fact", "comparison", "value")


def parse_ruleset(document: Mapping[str, object], *, name: str, file: str) -> Ruleset:
    """The ruleset in a TOML document; `file` is what messages call it.

    Raises InputError, one sentence with file, place and key, for: an unknown key, fact, comparison or candidate, a
    value of the wrong type, a missing key or branch, a branch to nowhere, a cycle, an unreachable part, a duplicate.
    """
    root = Table(file=file, where="", items=document)
    root.only("title", "version", "source", "start", "starts", "nodes", "leaves", "challengers")
    nodes, leaves = root.table("nodes"), root.table("leaves")
    ruleset = Ruleset(
        name=name,
        title=root.text("title"),
        version=root.text("version"),
        source=root.text("source"),
        start=root.text("start"),
        nodes=tuple(_node(_identified(nodes, key)) for key in nodes.items),
        leaves=tuple(_leaf(_identified(leaves, key)) for key in leaves.items),
        challengers=_challengers(root),
        starts=_starts(root),
    )
    check_graph(ruleset, root)
    return ruleset


def _starts(root: Table) -> tuple[Start, ...]:
    if "starts" not in root.items:
        return ()
    table = root.table("starts")
    kinds = get_args(ModelKind)
    table.only(*kinds)
    return tuple(Start(kind=kind, place=table.text(kind)) for kind in kinds if kind in table.items)


def _identified(parent: Table, key: str) -> Table:
    if not _ID.fullmatch(key):
        raise parent.error(None, f"{key!r} is not a name of letters, digits, '-' and '_'")
    return parent.table(key)


def _id(table: Table) -> str:
    return table.where.partition(".")[2]


def _node(table: Table) -> Node:
    table.only("question", *_CONDITION, "yes", "no", "unknown", "answers")
    for branch in ("yes", "no"):
        if branch not in table.items:
            raise table.error(None, f"the branch '{branch}' is missing")
    unknown = table.text("unknown") if "unknown" in table.items else "no"
    if unknown not in {"yes", "no"}:
        raise table.error("unknown", f"'{unknown}' is not 'yes' or 'no'")
    yes_answer, no_answer = _answers(table)
    return Node(
        id=_id(table),
        question=table.text("question"),
        condition=_condition(table),
        yes=table.text("yes"),
        no=table.text("no"),
        unknown=cast(Branch, unknown),
        yes_answer=yes_answer,
        no_answer=no_answer,
    )


def _answers(node: Table) -> tuple[str, str]:
    if "answers" not in node.items:
        return "yes", "no"
    answers = node.table("answers")
    answers.only("yes", "no")
    yes, no = answers.text("yes"), answers.text("no")
    if yes == no:
        raise node.error("answers", f"both branches are called '{yes}'")
    return yes, no


def _leaf(table: Table) -> Leaf:
    table.only("candidate", "note")
    return Leaf(id=_id(table), candidate=_candidate(table), note=table.text("note") if "note" in table.items else None)


def _challengers(root: Table) -> tuple[ChallengerRule, ...]:
    rules: list[ChallengerRule] = []
    for table in root.tables("challengers"):
        table.only("candidate", "when", "because", "source", "first")
        conditions = table.tables("when")
        for condition in conditions:
            condition.only(*_CONDITION)
        rule = ChallengerRule(
            candidate=_candidate(table),
            when=tuple(_condition(condition) for condition in conditions),
            because=table.text("because"),
            source=table.text("source"),
            first=table.flag("first"),
        )
        if any(rule.candidate == other.candidate and set(rule.when) == set(other.when) for other in rules):
            raise table.error("candidate", f"'{rule.candidate}' stands twice with the same conditions")
        rules.append(rule)
    return tuple(rules)


def _candidate(table: Table) -> str:
    name = table.text("candidate")
    if catalogue.find(name) is None:
        hint = did_you_mean(name, catalogue.names())
        raise table.error("candidate", f"there is no candidate called '{name}'", hint=hint)
    return name


def _condition(table: Table) -> Condition:
    fact = table.text("fact")
    spec = FACTS.get(fact)
    if spec is None:
        raise table.error("fact", f"there is no fact called '{fact}'", hint=did_you_mean(fact, tuple(FACTS)))
    comparison = table.text("comparison")
    if comparison not in COMPARISONS:
        hint = f"Known are: {', '.join(COMPARISONS)}."
        raise table.error("comparison", f"'{comparison}' is not a comparison", hint=hint)
    if spec.type not in COMPARISONS[comparison]:
        fitting = ", ".join(name for name, types in COMPARISONS.items() if spec.type in types)
        problem = f"'{comparison}' does not fit {fact}, which is of type {spec.type}"
        raise table.error("comparison", problem, hint=f"Comparisons that fit: {fitting}.")
    return Condition(fact=fact, comparison=comparison, value=_value(table, spec, comparison))


def _value(table: Table, spec: FactSpec, comparison: Comparison) -> FactValue:
    if comparison == "known":
        if "value" in table.items:
            raise table.error("value", "'known' takes no value")
        return None
    value = table.required("value")
    try:
        if comparison == "in":
            if not isinstance(value, list) or not value:
                raise ValueError("is not a list of texts")
            return tuple(dict.fromkeys(str(check_value(spec, word)) for word in value))
        checked = check_value(spec, value)
    except ValueError as error:
        shown = reprlib.repr(value)
        raise table.error("value", f"{spec.name} cannot be compared with {shown}, which {error}") from None
    if checked == ():
        raise table.error("value", "the list is empty")
    return checked
