"""The ruleset's flowchart with the taken path heavy and its evidence in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from advisor.report.html.markup import Markup, join, number, tag
from advisor.report.html.svg import FONT, frame, label, label_box, text_width
from advisor.report.html.tables import figure, table
from advisor.rules import Graph, GraphEdge, GraphNode
from advisor.types import Decision

NODE, PITCH = 152.0, 172.0
"""The width of a node, and the way from one lane to the next."""

_STEP = FONT * 1.3
_PAD = 10.0
_GAP = 48.0
_MARGIN = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a node stands: the middle of its upper edge, its height, and its lines of text with their class."""

    x: float
    top: float
    height: float
    lines: tuple[tuple[str, str], ...]


def flowchart(graph: Graph, decision: Decision) -> Markup:
    """The drawing with a table of all its branches."""
    texts = {node.id: node.text for node in graph.nodes}
    rows = [[texts[edge.source], edge.label, texts[edge.target], "taken" if edge.taken else ""] for edge in graph.edges]
    return figure(
        _drawing(graph, decision),
        name="Flowchart of the rules",
        caption="The path that this machine, these texts and this budget took is drawn heavy.",
        data=table(graph.title, ["question", "answer", "leads to", "path"], rows, text={1, 2, 3}) if rows else None,
    )


def wrapped(text: str, width: float) -> list[str]:
    """`text` in lines of at most `width` pixels; a word that is longer is cut."""
    lines: list[str] = []
    for word in text.split():
        while text_width(word) > width:
            cut = max(1, next(n for n in range(1, len(word) + 1) if text_width(word[: n + 1]) > width))
            lines.append(word[:cut])
            word = word[cut:]
        if lines and text_width(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _drawing(graph: Graph, decision: Decision) -> Markup:
    incoming = {node.id: [edge for edge in graph.edges if edge.target == node.id] for node in graph.nodes}
    places = _places(graph.nodes, incoming)
    width = 2 * _MARGIN + NODE + PITCH * max(node.lane for node in graph.nodes)
    height = max(place.top + place.height for place in places.values()) + _MARGIN
    faint, heavy = _strokes(graph, places, taken=False), _strokes(graph, places, taken=True)
    parts = [*faint, *heavy, *(_node(node, places[node.id]) for node in graph.nodes)]
    parts += [_answers(edges, places[target]) for target, edges in incoming.items() if edges]
    said = "; ".join(f"{step.question} {step.answer}, as {step.evidence}" for step in decision.path)
    return frame(
        "rules",
        width=max(width, 2 * _MARGIN + NODE),
        height=height,
        title=graph.title,
        desc=f"Flowchart. {said}. So {decision.ruleset} recommends {decision.recommendation}.",
        parts=parts,
    )


def _places(nodes: Sequence[GraphNode], incoming: dict[str, list[GraphEdge]]) -> dict[str, _Place]:
    lines = {node.id: _lines(node) for node in nodes}
    heights = {place: len(each) * _STEP + 2 * _PAD - 3 for place, each in lines.items()}
    tops: dict[int, float] = {}
    top = _MARGIN
    for depth in range(max(node.depth for node in nodes) + 1):
        row = [node for node in nodes if node.depth == depth]
        above = max((sum(len(_answer(edge)) for edge in incoming[node.id]) for node in row), default=0)
        tops[depth] = top + (_GAP + above * _STEP if depth else 0.0)
        top = tops[depth] + max((heights[node.id] for node in row), default=0.0)
    return {
        node.id: _Place(
            x=_MARGIN + NODE / 2 + PITCH * node.lane,
            top=tops[node.depth],
            height=heights[node.id],
            lines=tuple(lines[node.id]),
        )
        for node in nodes
    }


def _lines(node: GraphNode) -> list[tuple[str, str]]:
    width = NODE - 2 * _PAD
    text = f"✓ {node.text}" if node.kind == "leaf" and node.taken else node.text
    lines = [(each, "node-text") for each in wrapped(text, width)]
    for more in (node.note, node.evidence):
        if more is not None:
            lines += [(each, "node-more") for each in wrapped(more, width)]
    return lines


def _node(node: GraphNode, place: _Place) -> Markup:
    kind = f"node {node.kind}{' taken' if node.taken else ''}"
    box = tag(
        "rect",
        x=place.x - NODE / 2,
        y=place.top,
        width=NODE,
        height=place.height,
        rx=place.height / 2 if node.kind == "leaf" and len(place.lines) == 1 else 6.0,
    )
    texts = [
        label(text, place.x, place.top + _PAD + FONT * 0.85 + index * _STEP, anchor="middle", kind=kind)
        for index, (text, kind) in enumerate(place.lines)
    ]
    return tag("g", box, *texts, class_=kind)


def _strokes(graph: Graph, places: dict[str, _Place], *, taken: bool) -> list[Markup]:
    found = []
    above = {node.id: sum(len(_answer(edge)) for edge in graph.edges if edge.target == node.id) for node in graph.nodes}
    for edge in graph.edges:
        if edge.taken is not taken:
            continue
        source, target = places[edge.source], places[edge.target]
        x1, y1, x2, y2 = source.x, source.top + source.height, target.x, target.top - 2
        # The arrow comes straight down through its answer, and bends above it.
        turn = y2 - 8 - _STEP * above[edge.target] - 6
        bend = (turn - y1) * 0.7
        way = [x1, y1, x1, y1 + bend, x2, turn - bend, x2, turn]
        start, *rest = [f"{number(way[at])} {number(way[at + 1])}" for at in range(0, len(way), 2)]
        kind = f"edge{' taken' if taken else ''}"
        head = " ".join(f"{number(x2 + dx)},{number(y2 + dy)}" for dx, dy in ((0.0, 0.0), (-5.0, -9.0), (5.0, -9.0)))
        path = f"M{start} C{', '.join(rest)} V{number(y2 - 8)}"
        found.append(tag("g", tag("path", d=path), tag("polygon", points=head), class_=kind))
    return found


def _answer(edge: GraphEdge) -> list[str]:
    return wrapped(edge.label, NODE - 8)


def _answers(edges: Sequence[GraphEdge], target: _Place) -> Markup:
    """The answers that lead to a node, one above the other over its arrow."""
    lines = [(line, edge.taken) for edge in edges for line in _answer(edge)]
    first = target.top - 16 - _STEP * (len(lines) - 1)
    parts = []
    for index, (text, taken) in enumerate(lines):
        y = first + index * _STEP
        box = label_box(text, target.x, y, anchor="middle", bold=taken)
        parts += [
            tag("rect", x=box.left, y=y - FONT, width=box.right - box.left, height=_STEP, class_="paper"),
            label(text, target.x, y, anchor="middle", kind="answer taken" if taken else "answer"),
        ]
    return join(parts)
