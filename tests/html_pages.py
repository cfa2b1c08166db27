"""Reads a page back as tests look at it: its elements, its drawings, its data."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import factories

from advisor.report.html.svg import Box, label_box
from advisor.types import Recommendation

VOID = {"meta", "wbr", "br", "link", "img", "input", "hr"}
SVG = "{http://www.w3.org/2000/svg}"


@dataclass
class Element:
    """An element with its attributes and all the text in it."""

    tag: str
    attributes: dict[str, str | None]
    parents: tuple[str, ...]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """A page, parsed strictly: whatever is opened must be closed, in order."""

    source: str
    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.source)
        self.close()
        assert not self.open, f"never closed: {[each.tag for each in self.open]}"

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        element = Element(tag, dict(attrs), tuple(each.tag for each in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{tag} is closed and was not open"
        assert self.open[-1].tag == tag, f"{tag} is closed where {self.open[-1].tag} is open"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for each in self.open:
            each.text += data

    def all(self, *tags: str) -> list[Element]:
        return [each for each in self.elements if each.tag in tags]

    @property
    def island(self) -> dict[str, Any]:
        (script,) = self.all("script")
        document: dict[str, Any] = json.loads(script.text)
        return document

    @property
    def body(self) -> str:
        """What a reader sees: the text without style and data."""
        (body,) = self.all("body")
        (script,) = self.all("script")
        return body.text.replace(script.text, "")


def drawings(page: str) -> list[ET.Element]:
    """The drawings of a page, each a well-formed XML document."""
    return [ET.fromstring(each) for each in re.findall(r"<svg .*?</svg>", page, flags=re.DOTALL)]


def label_boxes(drawing: ET.Element) -> list[tuple[str, Box]]:
    """Each label's text and the rectangle that it fills."""
    found = []
    for each in drawing.iter(f"{SVG}text"):
        text = each.text or ""
        kind = (each.get("class") or "").split()
        anchor = each.get("text-anchor") or "start"
        bold = "win" in kind
        found.append(
            (text, label_box(text, float(each.get("x", 0)), float(each.get("y", 0)), anchor=anchor, bold=bold))
        )
    return found


def crowded() -> Recommendation:
    """Twelve candidates, most of them close together, some far over the budget, one slower than the baseline."""
    figures = [
        ("openvino-qint8", 2579.0, 0.0008),
        ("openvino-bf16", 2540.0, 0.00085),
        ("onnx-qint8", 2520.0, 0.0009),
        ("torch-bf16", 2500.0, 0.0007),
        ("openvino", 1210.0, 0.0),
        ("onnx", 1200.0, 0.0),
        ("onnx-O1", 1190.0, 0.000001),
        ("onnx-O2", 1185.0, 0.000002),
        ("onnx-O3", 1195.0, 0.00004),
        ("torch-fp16", 110.0, 0.0001),
        ("onnx-qint8-avx512", 2600.0, 0.13),
    ]
    measured = tuple(factories.outcome(name, speed, loss) for name, speed, loss in figures)
    base = factories.outcome("torch-fp32", 409.0)
    return replace(factories.confirmed(), candidates=(*measured, base))


def real_run() -> Recommendation:
    """A real run's document, kept as data: what the pipeline wrote on a 2-core machine."""
    from advisor.document import from_dict

    path = Path(__file__).parent / "data" / "recommendation.json"
    return from_dict(json.loads(path.read_text(encoding="utf-8")))
