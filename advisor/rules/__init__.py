"""Ruleset (TOML) -> checked graph; facts + graph -> Decision. Pure."""

from advisor.rules.decide import decide
from advisor.rules.drawing import Line, to_mermaid, to_text
from advisor.rules.facts import Facts, collect_facts, with_overrides
from advisor.rules.graph import Graph, GraphEdge, GraphNode, layout
from advisor.rules.load import available_rulesets, load_ruleset, rulesets_dir
from advisor.rules.ruleset import ChallengerRule, Condition, Leaf, Node, Ruleset
from advisor.rules.values import show_value
from advisor.rules.vocabulary import FACTS

__all__ = [
    "FACTS",
    "ChallengerRule",
    "Condition",
    "Facts",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "Leaf",
    "Line",
    "Node",
    "Ruleset",
    "available_rulesets",
    "collect_facts",
    "decide",
    "layout",
    "load_ruleset",
    "rulesets_dir",
    "show_value",
    "to_mermaid",
    "to_text",
    "with_overrides",
]
