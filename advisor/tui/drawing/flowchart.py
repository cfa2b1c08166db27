"""The ruleset as a flowchart: the taken path in heavy strokes with its evidence, the rest dim."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass

from rich.text import Text

from advisor.rules import Graph, GraphNode, Ruleset, layout, to_text
from advisor.tui.drawing.canvas import Canvas
from advisor.tui.drawing.lines import wrapped
from advisor.types import Decision

_MIN_COLUMN = 17
"""Columns that a leaf's box needs: the longest candidate's name with its frame."""
_MAX_BOX = 40


def draw(ruleset: Ruleset, decision: Decision | None, *, width: int, height: int) -> Text:
    """Boxes where the ruleset fits into `width` and `height` that way, else a tree of lines.

    Raises ValueError if the decision is not one of this ruleset's.
    """
    picture = boxes(ruleset, decision, width=width)
    if picture is None or picture.plain.count("\n") >= height:
        return tree(ruleset, decision, width=width)
    return picture


def tree(ruleset: Ruleset, decision: Decision | None, *, width: int) -> Text:
    """One line a question or leaf; the evidence stands under each question on the path."""
    lines = []
    for line in to_text(ruleset, decision):
        style = "bold" if line.taken else "dim"
        indent = len(line.text) - len(line.text.lstrip(" │├└─▸"))
        lines += [Text(part, style=style) for part in wrapped(line.text, width, indent)]
        if line.evidence is not None:
            evidence = wrapped(f"= {line.evidence}", width, indent + 2, first=True)
            lines += [Text(part, style="italic") for part in evidence]
    return Text("\n").join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A node's place and its lines; `centre` is a column."""

    node: GraphNode
    centre: int
    width: int
    lines: tuple[str, ...]
    num_evidence: int
    """How many of the lines, at the end, are evidence."""

    @property
    def left(self) -> int:
        return self.centre - self.width // 2


def boxes(ruleset: Ruleset, decision: Decision | None, *, width: int) -> Text | None:
    """Boxes and strokes; None where the width is too small, or where branches meet again."""
    graph = layout(ruleset, decision)
    targets = [edge.target for edge in graph.edges]
    lanes = 1 + max(node.lane for node in graph.nodes)
    column = int(width / lanes)
    if len(set(targets)) < len(targets) or column < _MIN_COLUMN:
        return None
    rows = _rows(graph, column)
    tops, labels, y = [], [], 0
    for depth, row in enumerate(rows):
        tops.append(y)
        labels.append(_label_rows(graph, depth, column))
        y += 2 + max(len(box.lines) for box in row) + (2 + labels[-1] if depth + 1 < len(rows) else 0)
    canvas = Canvas(width, y)
    by_id = {box.node.id: (box, tops[depth]) for depth, row in enumerate(rows) for box in row}
    for taken in (False, True):  # the path last, over the others
        for edge in graph.edges:
            if edge.taken == taken:
                (source, top), (target, below) = by_id[edge.source], by_id[edge.target]
                _stroke(canvas, source, top, target, below, edge.label, taken=taken, column=column)
    for box, top in by_id.values():
        _frame(canvas, box, top)
    return canvas.to_text()


def _rows(graph: Graph, column: int) -> list[list[_Box]]:
    """The boxes of each depth; a box is as wide as its neighbours allow."""
    rows = []
    for depth in range(1 + max(node.depth for node in graph.nodes)):
        nodes = sorted((node for node in graph.nodes if node.depth == depth), key=lambda node: node.lane)
        gaps = [after.lane - before.lane for before, after in itertools.pairwise(nodes)]
        room = int(min(gaps, default=2) * column) - 1
        row = []
        for node in nodes:
            centre = int((node.lane + 0.5) * column)
            widest = min(room, _MAX_BOX, 2 * centre)
            evidence = [] if node.evidence is None else textwrap.wrap(f"= {node.evidence}", widest - 4)
            name = f"{node.text} ✓" if node.kind == "leaf" and node.taken else node.text
            text = textwrap.wrap(name, widest - 4) + ([] if node.note is None else textwrap.wrap(node.note, widest - 4))
            lines = (*text, *evidence)
            width = 4 + max(map(len, lines))
            row.append(_Box(node=node, centre=centre, width=width, lines=lines, num_evidence=len(evidence)))
        rows.append(row)
    return rows


def _label_rows(graph: Graph, depth: int, column: int) -> int:
    """Rows for the answers on the branches that leave a depth."""
    here = {node.id for node in graph.nodes if node.depth == depth}
    labels = (edge.label for edge in graph.edges if edge.source in here)
    return max((len(textwrap.wrap(label, column - 1)) for label in labels), default=0)


def _stroke(
    canvas: Canvas, source: _Box, top: int, target: _Box, below: int, label: str, *, taken: bool, column: int
) -> None:
    """From the middle of a question's lower edge sideways, then down to the next box, with the answer on the way."""
    style = "bold" if taken else "dim"
    line, down, left_corner, right_corner = ("━", "┃", "┏", "┓") if taken else ("─", "│", "┌", "┐")
    y = top + 2 + len(source.lines)
    start, end = sorted((source.centre, target.centre))
    canvas.put(start, y, line * (end - start + 1), style)
    to_the_left = target.centre < source.centre
    canvas.put(target.centre, y, left_corner if to_the_left else right_corner, style)
    canvas.put(source.centre, y, "┻" if taken else "┴", style)
    for row in range(y + 1, below - 1):
        canvas.put(target.centre, row, down, style)
    for index, words in enumerate(textwrap.wrap(label, column - 1)):
        canvas.put(max(0, target.centre - len(words) // 2), y + 1 + index, words, style)
    canvas.put(target.centre, below - 1, "▼", style)


def _frame(canvas: Canvas, box: _Box, top: int) -> None:
    taken = box.node.taken
    style = "bold" if taken else "dim"
    corners, across, side = ("┏┓┗┛", "━", "┃") if taken else ("┌┐└┘", "─", "│")
    inner = box.width - 2
    canvas.put(box.left, top, corners[0] + across * inner + corners[1], style)
    for index, line in enumerate(box.lines):
        evidence = index >= len(box.lines) - box.num_evidence
        canvas.put(box.left, top + 1 + index, side, style)
        text_style = "italic" if evidence else "bold green" if taken and box.node.kind == "leaf" else style
        canvas.put(box.left + 1, top + 1 + index, line.center(inner), text_style)
        canvas.put(box.left + box.width - 1, top + 1 + index, side, style)
    canvas.put(box.left, top + 1 + len(box.lines), corners[2] + across * inner + corners[3], style)
