"""A ruleset drawn in text and in Mermaid, the taken path marked. No colour: a `Line` says what to make bold. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.rules.graph import Graph, GraphEdge, GraphNode, layout
from advisor.rules.ruleset import Ruleset
from advisor.types import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a drawing; `evidence` is why the path went on from here, None off the path and at its leaf."""

    text: str
    taken: bool
    evidence: str | None = None


_ASCII = str.maketrans("├└│─▸✓", "|`|->*")


def to_text(
    ruleset: Ruleset,
    decision: Decision | None = None,
    *,
    ascii: bool = False,  # noqa: A002 - the plain word for it, and the built-in is not used here
) -> tuple[Line, ...]:
    """The ruleset as a tree, one line a question or leaf. `ascii` keeps the strokes to ASCII (texts stay as they are).

    A question that several branches lead to is drawn once, on the taken path if it lies there; the other places name
    it. Raises ValueError if the decision is not one of this ruleset's.
    """
    graph = layout(ruleset, decision)

    def stroke(text: str) -> str:
        return text.translate(_ASCII) if ascii else text

    def line(node: GraphNode, prefix: str, taken: bool) -> Line:
        mark = stroke(" ✓") if taken and node.kind == "leaf" else ""
        return Line(text=f"{prefix}{_text(node)}{mark}", taken=taken, evidence=node.evidence if taken else None)

    start = graph.nodes[0]
    lines = [line(start, stroke("▸ ") if start.taken else "  ", start.taken)]
    home = _homes(graph)
    waiting = [(edge, "  ") for edge in reversed(graph.edges_from(start.id))]
    while waiting:
        edge, indent = waiting.pop()
        node = graph.node(edge.target)
        turn = ("├" if edge.branch == "yes" else "└") + ("▸ " if edge.taken else "─ ")
        prefix = f"{indent}{stroke(turn)}{edge.label}: "
        if node.kind == "question" and home[node.id] is not edge:
            lines.append(Line(text=f"{prefix}({node.text})", taken=edge.taken))
            continue
        lines.append(line(node, prefix, edge.taken))
        deeper = indent + (stroke("│  ") if edge.branch == "yes" else "   ")
        waiting += [(each, deeper) for each in reversed(graph.edges_from(node.id))]
    return tuple(lines)


def to_mermaid(ruleset: Ruleset, decision: Decision | None = None) -> str:
    """The ruleset as a Mermaid flowchart, which GitHub and most Markdown tools draw; the taken path has heavy strokes.

    Raises ValueError if the decision is not one of this ruleset's.
    """
    graph = layout(ruleset, decision)
    # Mermaid reserves words such as `end`, so nodes are numbered.
    ids = {node.id: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        opening, closing = ('{"', '"}') if node.kind == "question" else ('(["', '"])')
        lines.append(f"    {ids[node.id]}{opening}{_mermaid_text(_text(node))}{closing}")
    lines += [f'    {ids[edge.source]} -->|"{_mermaid_text(edge.label)}"| {ids[edge.target]}' for edge in graph.edges]
    taken_nodes = [ids[node.id] for node in graph.nodes if node.taken]
    taken_edges = [str(index) for index, edge in enumerate(graph.edges) if edge.taken]
    if taken_nodes:
        lines += ["    classDef taken stroke-width:3px,font-weight:bold", f"    class {','.join(taken_nodes)} taken"]
    if taken_edges:
        lines.append(f"    linkStyle {','.join(taken_edges)} stroke-width:3px")
    return "\n".join(lines) + "\n"


def _homes(graph: Graph) -> dict[str, GraphEdge]:
    """The edge under which each place is drawn out: the taken one, else the first."""
    homes: dict[str, GraphEdge] = {}
    for edge in graph.edges:
        if edge.taken or edge.target not in homes:
            homes[edge.target] = edge
    return homes


def _text(node: GraphNode) -> str:
    return node.text if node.note is None else f"{node.text} ({node.note})"


def _mermaid_text(text: str) -> str:
    """Text inside quotes; Mermaid's escapes are HTML entities with # for &."""
    return text.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
