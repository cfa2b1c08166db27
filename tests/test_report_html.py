"""The page: complete, self-contained, private, accessible."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import factories
import html_pages
import pytest
from html_pages import Page, drawings

from advisor.document import to_dict
from advisor.report import html
from advisor.report.html import to_html
from advisor.report.html.markup import escaped, tag
from advisor.report.privacy import redacted, without_paths
from advisor.rules import load_ruleset
from advisor.types import Decision, Fidelity, Findings, Histogram, PathStep, Recommendation

Make = Callable[[], Recommendation]
MAKERS: tuple[Make, ...] = (*factories.EVERY_KIND, factories.detailed, html_pages.crowded, html_pages.real_run)
EVIL = "<script>alert(1)</script>\"'&</title></style>-->"


def page(rec: Recommendation) -> Page:
    return Page(to_html(rec))


# -- it is a page that stands alone ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
def test_every_kind_of_answer_is_a_well_formed_page_under_400_kb(make: Make) -> None:
    source = to_html(make())
    Page(source)
    assert source.startswith("<!DOCTYPE html>\n<html lang=")
    assert len(source.encode()) < 400_000
    assert drawings(source)


@pytest.mark.parametrize("make", MAKERS)
def test_it_loads_nothing_and_runs_nothing(make: Make) -> None:
    read = page(make())
    assert not read.all("link", "img", "iframe", "object", "embed", "audio", "video", "image", "use", "form", "base")
    assert [each.attributes.get("type") for each in read.all("script")] == ["application/json"]
    for each in read.elements:
        assert not {"src", "srcset", "background", "data", "action", "ping"} & set(each.attributes)
        assert not any(name.startswith("on") for name in each.attributes)
        assert not any("url(" in (value or "") or "javascript:" in (value or "") for value in each.attributes.values())
    (style,) = read.all("style")
    assert not re.search(r"url\(|@import|https?:|@font-face|expression\(", style.text)


def test_the_verdict_and_the_snippet_come_first() -> None:
    said = page(factories.confirmed()).body
    order = [
        said.index(part)
        for part in (
            "6.3x faster than torch-fp32",
            "advisor.load(",
            "The load is 1.9",
            "Gain against loss",
            "All candidates",
        )
    ]
    assert order == sorted(order)


def test_everything_that_was_measured_is_in_it() -> None:
    read = page(factories.detailed())
    said = read.body
    headings = [each.text for each in read.all("h2")]
    assert headings == [
        "Warnings",
        "Gain against loss",
        "All candidates",
        "What the rules say",
        "What would change the answer",
        "Lengths of the texts",
        "Speed by length",
        "Rounds over time",
        "Size, memory and times",
        "Settings that were tried",
        "Environment",
        "Method and limits",
        "Reproduce",
    ]
    for part in (
        "needs a CUDA GPU",
        "cut after the probe: 3.7x slower",
        "With a loss budget under 0.08% the winner would be openvino-bf16.",
        "sbert-2026 picks openvino-qint8 too.",
        "Up to 127 characters openvino-qint8, from 128 on openvino-bf16.",
        "2 streams",
        "296 MiB",
        "affinity, cgroup quota: quota of 2 CPUs",
        "in 24 rounds, 8 of them from an earlier run of the same command",
        "advisor recommend all-MiniLM-L6-v2 --texts tickets.jsonl --field body --max-loss 0.4%",
    ):
        assert part in said


def test_a_run_that_had_no_time_for_all_says_so_and_what_was_predicted_is_no_measured_figure() -> None:
    said = page(factories.unfinished()).body
    assert "6.3x faster than torch-fp32 (95% CI 6.1-6.5), the fastest of the 4 that there was time for" in said
    assert "onnx was not tried (about 40 s more: --time-budget 11m)" in said
    assert "1 candidate predicted from 1 and 3 of 12 layers; the baseline's own time was missed by +2%" in said
    assert "A predicted speedup is no measured one: it rests on copies of the model with few of its layers." in said
    assert "3.5x" not in said


def test_what_was_not_measured_is_left_out_and_not_invented() -> None:
    bare = factories.nothing_passes()
    bare = replace(bare, texts=replace(bare.texts, histogram=None))
    headings = [each.text for each in page(bare).all("h2")]
    for absent in ("Gain against loss", "Speed by length", "Lengths of the texts", "Settings that were tried"):
        assert absent not in headings
    assert not re.search(r"\b(nan|None|inf)\b", page(bare).body)


def test_a_winner_that_is_the_baseline_needs_no_advisor() -> None:
    said = page(factories.keep_baseline()).body
    assert "model = SentenceTransformer('all-MiniLM-L6-v2')  # as you do today" in said


def test_a_figure_that_is_no_number_is_unknown() -> None:
    rec = factories.confirmed()
    broken = replace(
        rec.candidates[1],
        findings=Findings(loss=Fidelity(value=float("nan"), ci95=None, method="estimated", metric="1 - rho")),
    )
    read = page(replace(rec, candidates=(rec.candidates[0], broken, *rec.candidates[2:])))
    assert read.island["candidates"][1]["loss"]["value"] is None


def test_the_data_island_is_the_document_of_the_recommendation() -> None:
    rec = html_pages.real_run()
    assert page(rec).island == to_dict(redacted(rec))


# -- nothing leaves the machine that should not -----------------------------------------------------------------


def leaky() -> Recommendation:
    rec = factories.detailed()
    home = "/home/somebody/private place/model.onnx"
    candidates = tuple(
        replace(
            each, reason=f"OSError: '{home}'", notes=(f"Read from {home[:14]}/x/y.bin.", r"C:\Users\somebody\x.bin")
        )
        for each in rec.candidates
    )
    return replace(
        rec,
        candidates=candidates,
        warnings=("cache: file:///home/somebody/.cache/advisor is full", "see ~/somebody/log.txt:/home/somebody/b"),
        texts=replace(rec.texts, source="/home/somebody/data/tickets.jsonl"),
        decision=replace(
            rec.decision, path=(PathStep(node="device", question="Q?", answer="CPU", evidence=f"'{home}'"),)
        ),
        artifact=replace(rec.artifact, path=Path("/home/somebody/out")) if rec.artifact else None,
        why=f"see {home}",
    )


@pytest.mark.parametrize("make", [*MAKERS, leaky])
def test_no_home_folder_and_no_absolute_path_is_in_it(make: Make) -> None:
    source = to_html(make())
    assert "somebody" not in source
    assert not re.search(r"(?<![\w/<.~])/(?:home|Users|root|tmp|var|opt|mnt|usr|proc|etc|work|data)\b", source)
    assert not re.search(r"\b[A-Za-z]:\\", source)
    assert "tickets.jsonl" in source or make is html_pages.real_run or "built-in" in source


def test_redacting_changes_nothing_but_paths() -> None:
    rec = html_pages.real_run()
    before, after = _texts(to_dict(rec)), _texts(to_dict(redacted(rec)))
    changed = {(one, other) for one, other in zip(before, after, strict=True) if one != other}
    assert changed == {("/proc/cpuinfo", "cpuinfo"), ("/proc/meminfo", "meminfo")}


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see /usr/lib/x.so and https://sbert.net/docs/a.html", "see x.so and https://sbert.net/docs/a.html"),
        ("onnx/model_O3.onnx", "onnx/model_O3.onnx"),
        ("~/data/texts.txt", "texts.txt"),
        ("2,579 texts/s and 1/2/3", "2,579 texts/s and 1/2/3"),
        ("[Errno 2] '/home/a b/some file.txt'", "[Errno 2] 'some file.txt'"),
        ('open("/secret.txt")', 'open("secret.txt")'),
        ("file:///home/a/b.txt", "b.txt"),
        ("error:/home/a/b.txt", "error:b.txt"),
        (r"C:\Users\a\b.txt", "b.txt"),
        (r"\\server\share\b.txt", "b.txt"),
        ("/home/a/folder/", ""),
        ("hub:owner/name:config:test", "hub:owner/name:config:test"),
        ("47 chars / 11 tokens", "47 chars / 11 tokens"),
        ("</b></i>", "</b></i>"),
    ],
)
def test_absolute_paths_are_cut_to_their_last_part_and_nothing_else_is(text: str, clean: str) -> None:
    assert without_paths(text) == clean


def test_whatever_users_name_is_escaped_everywhere() -> None:
    rec = factories.detailed()
    rec = replace(
        rec,
        model=replace(rec.model, id=EVIL, revision=EVIL, pooling=EVIL, architecture=EVIL),
        texts=replace(rec.texts, field=EVIL, source=EVIL),
        warnings=(EVIL,),
        why=EVIL,
        decision=Decision(
            ruleset=EVIL,
            path=(PathStep(node=EVIL, question=EVIL, answer=EVIL, evidence=EVIL),),
            recommendation="openvino-qint8",
            challengers=(),
        ),
        candidates=tuple(replace(each, reason=EVIL, notes=(EVIL,), file=EVIL) for each in rec.candidates),
        hardware=replace(rec.hardware, cpu=replace(rec.hardware.cpu, model=EVIL)),
    )
    source = to_html(rec)
    read = Page(source)
    assert "<script>alert" not in source
    assert len(read.all("script")) == len(read.all("style")) == 1
    assert next(each for each in read.all("title") if each.parents == ("html", "head")).text.startswith(EVIL[:20])
    assert read.island["texts"]["field"] == EVIL
    for each in re.findall(r"<svg .*?</svg>", source, flags=re.DOTALL):
        assert "alert" not in each or "&lt;" in each


def test_signs_that_no_document_may_hold_are_replaced() -> None:
    rec = replace(factories.confirmed(), warnings=("a\x00b\x1b[31mc\ud800d",))
    source = to_html(rec)
    source.encode("utf-8")
    assert "\x00" not in source.replace("\\u0000", "")
    assert "a\ufffdb\ufffd[31mc\ufffdd" in Page(source).body


def test_markup_is_not_escaped_twice_and_text_always_once() -> None:
    assert tag("p", tag("b", "<&>"), class_='"') == '<p class="&quot;"><b>&lt;&amp;&gt;</b></p>'
    assert escaped(escaped("<")) == "&lt;"
    assert tag("i", None, hidden=True, id=None) == "<i hidden></i>"


# -- everyone can read it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
def test_it_has_a_language_a_title_one_main_heading_and_no_level_left_out(make: Make) -> None:
    read = page(make())
    assert read.all("html")[0].attributes["lang"] == "en"
    assert read.all("title")[0].text.strip()
    assert len(read.all("main")) == 1
    levels = [int(each.tag[1]) for each in read.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("make", MAKERS)
def test_ids_are_unique_and_every_reference_leads_somewhere(make: Make) -> None:
    read = page(make())
    ids = [each.attributes["id"] for each in read.elements if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    for each in read.elements:
        assert set((each.attributes.get("aria-labelledby") or "").split()) <= set(ids)


@pytest.mark.parametrize("make", MAKERS)
def test_every_table_has_a_caption_and_its_headings_say_what_they_head(make: Make) -> None:
    read = page(make())
    assert len(read.all("caption")) == len(read.all("table"))
    for each in read.all("th"):
        assert each.attributes["scope"] == ("col" if "thead" in each.parents else "row")


@pytest.mark.parametrize("make", MAKERS)
def test_every_plot_says_what_it_shows_and_is_followed_by_its_table(make: Make) -> None:
    source = to_html(make())
    for drawing in drawings(source):
        assert drawing.get("role") == "img"
        children = {each.get("id"): each.text for each in drawing if each.tag.split("}")[1] in {"title", "desc"}}
        assert len(children) == 2
        assert all(children.values())
        assert (drawing.get("aria-labelledby") or "").split() == list(children)
    figures = re.findall(r"<figure>.*?</figure>", source, flags=re.DOTALL)
    assert len(figures) == len(drawings(source))
    assert all("<details>" in each and "<table>" in each for each in figures)


@pytest.mark.parametrize("make", MAKERS)
def test_whatever_scrolls_can_be_reached_with_the_keyboard_and_has_a_name(make: Make) -> None:
    for each in page(make()).elements:
        if each.attributes.get("class") == "scroll":
            assert each.attributes["tabindex"] == "0"
            assert each.attributes["role"] == "group"
            assert each.attributes["aria-label"]


def style() -> str:
    return files(html).joinpath("style.css").read_text(encoding="utf-8")


def colours(theme: str) -> dict[str, str]:
    blocks = re.findall(r":root \{(.*?)\}", style(), flags=re.DOTALL)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", blocks[0] if theme == "light" else blocks[1]))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa_and_drawings_that_of_graphics(theme: str) -> None:
    palette = colours(theme)
    for text in ("ink", "quiet", "accent", "warn"):
        for ground in ("paper", "wash", "accent-wash"):
            assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    for sign in ("torch", "onnx", "openvino", "other", "faint"):
        assert contrast(palette[sign], palette["paper"]) >= 3, sign


def test_both_themes_name_the_same_colours_and_no_rule_names_one_of_its_own() -> None:
    assert colours("light").keys() == colours("dark").keys()
    rules = re.sub(r":root \{.*?\}", "", style(), flags=re.DOTALL)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?=[;\s])", rules)
    assert set(re.findall(r"var\(--([\w-]+)\)", rules)) <= {*colours("light"), "series", "w"}


def test_paper_is_always_light_and_unfolds_the_tables() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in style()
    assert "details::details-content" in style().split("@media print")[1]


# -- the flowchart ----------------------------------------------------------------------------------------------


def test_the_flowchart_shows_every_branch_with_the_taken_path_marked_beside_its_colour() -> None:
    (chart,) = [
        each for each in drawings(to_html(factories.confirmed())) if "rules" in (each.get("aria-labelledby") or "")
    ]
    said = " ".join(each.text or "" for each in chart.iter() if each.text)
    for candidate in ("onnx-O4", "torch-fp16", "✓ openvino-qint8", "openvino", "onnx"):
        assert candidate in said
    assert "no GPU found" in said


def test_a_ruleset_that_cannot_be_found_leaves_the_path_alone() -> None:
    rec = replace(factories.confirmed(), decision=factories.decision(ruleset="our-own"))
    said = page(rec).body
    assert "our-own recommends openvino-qint8." in said
    assert "no GPU found" in said
    assert "Is it an Intel CPU?" not in said


def test_a_decision_that_the_packaged_ruleset_does_not_make_any_more_leaves_the_path_alone() -> None:
    changed = replace(factories.decision(), recommendation="onnx-O3")
    said = page(replace(factories.confirmed(), decision=changed)).body
    assert "sbert-2024 recommends onnx-O3." in said


def test_a_ruleset_of_ones_own_is_drawn_where_it_is_given(tmp_path: Path) -> None:
    own = tmp_path / "our-own.toml"
    own.write_text(
        'title = "Ours"\nversion = "1"\nsource = "https://example.org"\nstart = "a"\n'
        '[nodes.a]\nquestion = "Is it big?"\nfact = "gpu.cuda"\ncomparison = "=="\nvalue = true\nyes = "b"\nno = "c"\n'
        '[leaves.b]\ncandidate = "torch-fp16"\n[leaves.c]\ncandidate = "onnx"\n',
        encoding="utf-8",
    )
    step = PathStep(node="a", question="Is it big?", answer="no", evidence="no CUDA GPU found")
    decision = Decision(ruleset="our-own", path=(step,), recommendation="onnx", challengers=())
    source = to_html(replace(factories.confirmed(), decision=decision), ruleset=load_ruleset(str(own)))
    assert "our-own (Ours) recommends onnx." in Page(source).body
    assert "torch-fp16" in source.split("Flowchart of the rules")[1].split("</svg>")[0]


def test_a_document_of_a_newer_advisor_with_a_candidate_that_this_one_does_not_know_can_be_shown() -> None:
    rec = factories.detailed()
    newer = replace(rec.candidates[0], name="openvino-int4")
    rec = replace(rec, candidates=(newer, *rec.candidates[1:]), winner="openvino-int4")
    said = page(rec).body
    assert "openvino-int4: 6.3x faster than torch-fp32" in said
    assert 'advisor.load("path/to/this/folder")' in said


def test_a_histogram_of_one_length_can_be_drawn() -> None:
    rec = factories.confirmed()
    one = replace(rec.texts, histogram=Histogram(unit="characters", edges=(5, 6), counts=(512,)))
    assert any("Histogram" in (each[1].text or "") for each in drawings(to_html(replace(rec, texts=one))))
