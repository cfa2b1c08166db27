"""What is drawn is the ruleset itself, and the marked path is the decision's."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import factories
import pytest
from hypothesis import given
from test_rules_decide import any_facts, rulesets

from advisor.rules import Facts, Ruleset, collect_facts, decide, layout, load_ruleset, to_mermaid, to_text
from advisor.rules import with_overrides as what_if
from advisor.types import Request

OWN = Path(__file__).parent / "data" / "rules" / "own.toml"
DOCS = Path(__file__).parents[1] / "docs" / "rules.md"


def facts() -> Facts:
    return collect_facts(
        hardware=factories.hardware(), profile=factories.texts(), model=factories.model(), request=Request()
    )


def test_the_default_flowchart_is_drawn_with_the_taken_path_marked() -> None:
    ruleset = load_ruleset("sbert-2024")
    lines = to_text(ruleset, decide(ruleset, facts()))
    assert "\n".join(line.text for line in lines) == (
        "▸ Is there a CUDA GPU?\n"
        "  ├─ GPU: Are texts usually under 500 characters?\n"
        "  │  ├─ short texts: onnx-O4\n"
        "  │  └─ long texts: torch-fp16\n"
        "  └▸ CPU: Is a loss of 0.4% acceptable?\n"
        "     ├▸ 0.4% loss acceptable: openvino-qint8 ✓\n"
        "     └─ 0.4% loss not acceptable: Is it an Intel CPU?\n"
        "        ├─ Intel CPU: openvino\n"
        "        └─ other CPU: onnx"
    )
    assert [line.taken for line in lines] == [True, False, False, False, True, True, False, False, False]
    assert [line.evidence for line in lines if line.taken] == ["no CUDA GPU found", "0.4% asked, 0.4% needed", None]


@pytest.mark.parametrize("name", ["sbert-2024", "sbert-2026"])
def test_the_documented_flowcharts_are_the_drawn_ones_and_fit_a_terminal_of_80_columns(name: str) -> None:
    lines = [line.text for line in to_text(load_ruleset(name))]
    assert max(map(len, lines)) <= 80
    assert "\n".join(line[2:] for line in lines) in DOCS.read_text("utf-8")


def test_a_drawing_without_a_decision_marks_nothing() -> None:
    assert not any(line.taken or line.evidence or "✓" in line.text for line in to_text(load_ruleset("sbert-2026")))
    assert "taken" not in to_mermaid(load_ruleset("sbert-2026"))


def test_the_ascii_drawing_is_ascii() -> None:
    ruleset = load_ruleset("sbert-2026")
    lines = to_text(ruleset, decide(ruleset, facts()), ascii=True)
    assert all(line.text.isascii() for line in lines)
    assert lines[0].text.startswith("> ")
    assert [line.text for line in lines if "*" in line.text] == ["     |> 0.4% loss acceptable: openvino-qint8 *"]


def test_a_shared_question_is_drawn_out_once_where_the_path_goes() -> None:
    own = load_ruleset(str(OWN))
    assert [line.text for line in to_text(own, decide(own, what_if(facts(), ["cpu.isa=none"])))] == [
        "▸ Does the CPU have VNNI?",
        "  ├─ yes: (Is a loss of 0.2% acceptable?)",
        "  └▸ no: Is it an x86 vendor?",
        "     ├▸ yes: Is a loss of 0.2% acceptable?",
        "     │  ├▸ 0.2% acceptable: onnx-qint8 (the variant that fits) ✓",
        "     │  └─ strict: onnx-O3",
        "     └─ no: onnx-O3",
    ]


def test_a_decision_of_another_ruleset_is_refused() -> None:
    other = decide(load_ruleset("sbert-2026"), what_if(facts(), ["gpu.cuda=yes"]))
    with pytest.raises(ValueError, match="is not one of sbert-2024"):
        layout(load_ruleset("sbert-2024"), other)


def test_mermaid_names_every_node_and_marks_the_taken_path() -> None:
    ruleset = load_ruleset("sbert-2024")
    text = to_mermaid(ruleset, decide(ruleset, facts()))
    assert text.startswith('flowchart TD\n    n0{"Is there a CUDA GPU?"}\n')
    assert '    n5(["openvino-qint8"])\n' in text
    assert '    n0 -->|"CPU"| n4\n' in text
    assert text.endswith("    class n0,n4,n5 taken\n    linkStyle 1,4 stroke-width:3px\n")


def test_mermaid_escapes_what_would_end_its_quotes(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text(OWN.read_text("utf-8").replace("Does the CPU have VNNI?", r"Is \"#1\" <b>here</b>?"))
    assert '{"Is #quot;#35;1#quot; #lt;b#gt;here#lt;/b#gt;?"}' in to_mermaid(load_ruleset(str(path)))


def test_a_question_stands_over_the_middle_of_its_branches() -> None:
    graph = layout(load_ruleset(str(OWN)))
    assert [(node.id, node.depth, node.lane) for node in graph.nodes] == [
        ("vnni", 0, 0.625),
        ("strict", 2, 0.5),
        ("int8", 3, 0.0),
        ("plain", 3, 1.0),
        ("vendor", 1, 0.75),
    ]


@given(rulesets(), any_facts())
def test_a_layout_holds_the_whole_ruleset_and_marks_just_the_decision(ruleset: Ruleset, known: Facts) -> None:
    decision = decide(ruleset, known)
    graph = layout(ruleset, decision)
    assert {node.id for node in graph.nodes} == {item.id for item in (*ruleset.nodes, *ruleset.leaves)}
    assert len(graph.edges) == 2 * len(ruleset.nodes)
    depths = {node.id: node.depth for node in graph.nodes}
    assert all(depths[edge.target] > depths[edge.source] for edge in graph.edges)
    places = [(node.depth, node.lane) for node in graph.nodes]
    assert all(abs(a[1] - b[1]) >= 1 for a, b in combinations(places, 2) if a[0] == b[0])
    assert [node.id for node in sorted(graph.nodes, key=lambda node: node.depth) if node.taken][:-1] == [
        step.node for step in decision.path
    ]
    assert sum(edge.taken for edge in graph.edges) == len(decision.path)
    lines = to_text(ruleset, decision)
    assert sum(line.taken for line in lines) == len(decision.path) + 1
    assert [line.evidence for line in lines if line.evidence] == [step.evidence for step in decision.path]
