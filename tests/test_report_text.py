"""The report on a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import factories
import pytest

from advisor.report import losses, steps, text, verdict
from advisor.report.explanation import explanation
from advisor.report.facts import lengths, machine
from advisor.report.glyphs import ASCII, UNICODE, for_encoding
from advisor.report.table import rows
from advisor.types import (
    Estimate,
    Fidelity,
    Findings,
    Measurement,
    Package,
    Recommendation,
    Request,
    RuntimeSettings,
    ScreenCheck,
    TriedSetting,
)
from advisor.whatif import what_if

Make = Callable[[], Recommendation]


def plain(rec: Recommendation, width: int = 80) -> str:
    return text.full(rec, width=width).plain


def test_the_answer_says_who_won_by_how_much_at_what_loss_and_what_the_rules_said() -> None:
    lines = plain(factories.confirmed()).splitlines()
    assert "openvino-qint8   6.3x faster than torch-fp32 (95% CI 6.1-6.5)     measured here" in lines
    assert "  speed     2,579 texts/s against 409" in lines
    assert "  accuracy  -0.08% (95% CI -0.15..-0.02), estimated on your texts, budget 0.40%" in lines
    assert "  rules     confirmed: sbert-2024 picks it too" in lines


def test_the_footer_can_be_pasted() -> None:
    said = plain(factories.confirmed())
    assert 'Use     advisor.load("advisor-out/all-MiniLM-L6-v2")' in said
    assert "Wrote   advisor-out/all-MiniLM-L6-v2   (23 MB; advisor.json, report.html)" in said
    assert "Verify  advisor verify advisor-out/all-MiniLM-L6-v2" in said


def test_every_candidate_is_in_the_table_with_its_mark() -> None:
    marks = {row.candidate: row.mark for row in rows(factories.overturned())}
    assert marks == {"openvino-bf16": ">", "torch-fp32": " ", "openvino-qint8": "!", "torch-fp16": "x", "onnx-O4": "-"}


def test_the_table_is_ordered_by_what_became_of_a_candidate_and_then_by_speed() -> None:
    assert [row.candidate for row in rows(factories.confirmed())] == [
        "openvino-qint8",
        "openvino-bf16",
        "onnx-qint8",
        "torch-fp32",
        "torch-fp16",
        "onnx-O4",
    ]


@pytest.mark.parametrize("make", factories.EVERY_KIND)
@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_no_line_is_wider_than_the_terminal(make: Make, width: int) -> None:
    for line in plain(make(), width).splitlines():
        copied = line.startswith(("Use ", "Wrote ", "Verify "))  # never broken, so that they can be pasted
        assert len(line) <= width or copied, line
        assert line == line.rstrip()


def test_nothing_that_is_written_is_left_to_the_console_to_wrap() -> None:
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    rec = factories.with_failures()
    Console(file=out, width=60).print(text.full(rec, width=60), soft_wrap=True)
    assert out.getvalue() == text.full(rec, width=60).plain + "\n"


def test_keeping_the_baseline_is_an_answer() -> None:
    said = plain(factories.keep_baseline())
    assert "keep torch-fp32   nothing within the loss budget is faster     measured here" in said
    assert 'Use     SentenceTransformer("all-MiniLM-L6-v2"), as you do today' in said


def test_a_tie_says_so() -> None:
    assert "rules     tie: openvino-bf16 and openvino-qint8 are within 3% of each other" in plain(factories.tie())


def test_an_inconclusive_run_promises_nothing() -> None:
    said = plain(factories.inconclusive(), 100)
    assert "perhaps 1.27x faster than torch-fp32: this run cannot tell" in said


def test_a_run_that_had_no_time_for_all_says_among_how_many_its_winner_is_best_and_what_finishes_it() -> None:
    rec = factories.unfinished()
    said = " ".join(plain(rec, 100).split())
    assert (
        "openvino-qint8 6.3x faster than torch-fp32 (95% CI 6.1-6.5), the fastest of the 4 that there was time for, "
        "measured here"
    ) in said
    assert "rules inconclusive: openvino-qint8 is the fastest of the 4 that there was time for; onnx was not" in said
    assert "(about 40 s more: --time-budget 11m)" in said
    assert "perhaps" not in said


def test_the_headline_of_a_run_that_had_no_time_for_all_is_that_of_the_choice() -> None:
    rec = factories.unfinished()
    again = what_if(rec).choice
    assert again is not None
    assert (again.winner, again.verdict) == (rec.winner, rec.verdict)
    assert again.why == rec.why


def test_a_run_that_is_in_doubt_and_had_no_time_for_all_promises_nothing() -> None:
    rec = replace(
        factories.unfinished(),
        why="The host was busy, so openvino-qint8 is only the likeliest; onnx was not tried (about 40 s more: "
        "--time-budget 11m).",
    )
    assert verdict.headline(rec).sentence == "perhaps 6.3x faster than torch-fp32: this run cannot tell"
    kept = replace(rec, winner=rec.baseline)
    assert verdict.headline(kept).sentence == "this run cannot tell whether another candidate is better"


def test_a_baseline_that_won_before_the_others_were_tried_is_not_said_to_be_the_best_of_all() -> None:
    rec = factories.unfinished()
    why = "torch-fp32 is the fastest of the 4 that there was time for; onnx was not tried (the same command goes on)."
    assert verdict.headline(replace(rec, winner=rec.baseline, why=why)).sentence == (
        "the fastest of the 4 that there was time for"
    )
    alone = tuple(each for each in rec.candidates if each.name in {rec.baseline, "onnx"})
    why = "torch-fp32 is the only one that passed in time; onnx was not tried (a larger --time-budget tries it)."
    alone_kept = verdict.headline(replace(rec, candidates=alone, winner=rec.baseline, why=why))
    assert (alone_kept.name, alone_kept.sentence) == ("keep torch-fp32", "the only one that passed in time")
    nothing = verdict.headline(replace(rec, winner=None))
    assert f"{nothing.name} {nothing.sentence}" == "no candidate that there was time for meets the constraints"


def test_the_report_says_how_well_predictions_held() -> None:
    rec = factories.unfinished()
    assert rec.measurement is not None
    said = "1 candidate predicted from 1 and 3 of 12 layers; the baseline's own time was missed by +2%"
    assert verdict.screen(rec) == said
    assert said in " ".join(plain(rec, 120).split())

    def told(check: ScreenCheck | None) -> str:
        assert rec.measurement is not None
        return verdict.screen(replace(rec, measurement=replace(rec.measurement, screen=check)))

    check = rec.measurement.screen
    assert check is not None
    assert told(replace(check, baseline_error=-0.12)).endswith("was missed by -12%")
    assert told(replace(check, baseline_error=-0.001)).endswith("was missed by +0%")
    assert told(replace(check, fell_back="the baseline's own time was missed by +40%")) == (
        "no candidate was predicted from 1 and 3 of 12 layers: the baseline's own time was missed by +40%"
    )
    assert told(None) == ""
    assert verdict.screen(replace(rec, measurement=None)) == ""


def test_what_was_predicted_stands_in_the_note_and_in_no_measured_column() -> None:
    (row,) = (row for row in rows(factories.unfinished()) if row.candidate == "onnx-qint8")
    assert row.note == "cut: 1.8x slower than openvino-qint8, predicted from 1 and 3 of 12 layers"
    assert not row.has_figures
    assert (row.texts_per_s, row.extra, row.speedup, row.interval, row.loss) == ("", "", "", "", "")


def test_no_winner_gives_the_reason() -> None:
    said = plain(factories.nothing_passes())
    assert said.splitlines()[6] == "no candidate   meets the constraints"
    assert "No candidate meets a loss budget of 0.40%." in said
    assert "advisor.load" not in said


def test_another_ruleset_that_disagrees_is_named_with_what_became_of_its_pick() -> None:
    assert "sbert-2026 picks onnx-O3 instead: not tried here" in plain(factories.overturned())
    agreeing = replace(factories.confirmed(), alternatives=(factories.decision(ruleset="sbert-2026"),))
    assert "sbert-2026" not in plain(agreeing)
    measured = replace(factories.confirmed(), alternatives=(factories.decision("onnx-qint8", "sbert-2026"),))
    assert verdict.disagreements(measured) == ("sbert-2026 picks onnx-qint8 instead: 4.3x, measured here",)


def test_the_built_in_sample_is_never_passed_off_as_the_users_texts() -> None:
    said = plain(factories.confirmed(builtin=True), 100)
    assert "512 of 2,758 built-in: p50" in said
    assert "estimated on built-in texts" in said
    assert "your texts" not in said


def with_loss(loss: Fidelity) -> Recommendation:
    rec = factories.confirmed()
    winner = rec.candidates[0]
    return replace(rec, candidates=(replace(winner, findings=Findings(loss=loss)), *rec.candidates[1:]))


def test_an_estimate_says_on_how_many_texts_it_rests() -> None:
    rec = with_loss(Fidelity(value=0.0008, ci95=None, method="estimated", metric="1 - rho", num_texts=64))
    assert verdict.accuracy(rec) == "-0.08%, estimated on 64 of your texts, budget 0.40%"
    builtin = replace(rec, texts=replace(rec.texts, builtin=True))
    assert verdict.accuracy(builtin) == "-0.08%, estimated on 64 built-in texts, budget 0.40%"
    assert ", on 64 texts, as many as decide whether it passes)" in losses.explained(rec)[0]


def test_a_checked_loss_is_called_checked_and_has_no_figures_of_neighbours() -> None:
    metric = "largest difference on the reference texts"
    rec = with_loss(Fidelity(value=1e-7, ci95=None, method="checked", metric=metric, num_texts=16))
    assert verdict.accuracy(rec) == "0.00%, checked on the reference texts, budget 0.40%"
    assert verdict.reindexing(rec) == (
        "vectors of torch-fp32 may stay beside new ones: they are the same but for rounding"
    )
    assert verdict.neighbours(rec) == verdict.losses_by_length(rec) == ""
    assert losses.explained(rec)[0] == (
        "Candidates that compute in float32 are checked, not estimated: their loss is the largest difference on the "
        "reference texts, 16 texts of advisor's own, each encoded alone."
    )
    assert next(row for row in rows(rec) if row.candidate == rec.winner).loss == "0.00%"


def test_a_labelled_loss_is_called_measured() -> None:
    rec = factories.confirmed()
    winner = rec.candidates[0]
    assert winner.loss is not None
    labelled = replace(
        winner,
        findings=replace(winner.findings, loss=replace(winner.loss, method="labelled", metric="Spearman")),
    )
    said = verdict.accuracy(replace(rec, candidates=(labelled, *rec.candidates[1:])))
    assert "measured on your labels (Spearman)" in said


def test_latency_is_compared_in_milliseconds_where_it_is_the_objective() -> None:
    rec = factories.confirmed(request=Request(objective="latency", threads=2))
    said = plain(rec)
    assert "6.3x lower latency than torch-fp32" in said
    assert "latency   1.6 ms p50, 2.3 ms p95, against 9.8 ms p50" in said
    assert "p50" in next(line for line in said.splitlines() if "candidate" in line)


def test_memory_is_compared_where_it_is_the_objective() -> None:
    said = plain(factories.confirmed(request=Request(objective="memory", threads=2)))
    assert "3.9x less memory than torch-fp32" in said
    assert "memory    296 MiB at its peak, against 1.1 GiB" in said


def test_candidates_skipped_for_one_reason_share_a_line() -> None:
    skipped = tuple(
        factories.outcome(name, status="skipped", reason="not among --candidates")
        for name in ("onnx", "onnx-O1", "onnx-O2")
    )
    rec = factories.confirmed()
    said = plain(replace(rec, candidates=(*rec.candidates, *skipped)))
    assert "  - skipped: not among --candidates: onnx, onnx-O1, onnx-O2" in said
    assert "  - onnx-O4         skipped: needs a CUDA GPU" in said


def test_a_note_does_not_repeat_the_status() -> None:
    notes = {row.candidate: row.note for row in rows(factories.confirmed())}
    assert notes["torch-fp16"] == "cut after the probe: 3.7x slower"
    assert notes["onnx-O4"] == "skipped: needs a CUDA GPU"


def test_warnings_are_shown_and_their_topic_is_the_label() -> None:
    assert text.warning("noise: load 1.9 on 2 cores", width=80).plain == "⚠ noise    load 1.9 on 2 cores"
    assert text.warning("A sentence: with a colon.", width=80).plain == "⚠ warning  A sentence: with a colon."


def test_the_steps_are_one_line_each() -> None:
    assert steps.machine(factories.hardware()) == "2 cores, AMD EPYC 9B45, AVX-512 VNNI + BF16, 22 GiB free, no GPU"
    assert steps.texts(factories.texts()) == "512 of 2,758: p50 47 chars / 11 tokens, p95 31 tokens, 0% truncated"
    assert steps.takes(20, at_most_s=None) == "less than a minute from an empty cache"
    assert steps.takes(95, at_most_s=600) == "about 2 min from an empty cache, 10 min at most"
    assert steps.takes(46, at_most_s=90) == "about 1 min from an empty cache, 90 s at most"
    assert steps.rules(factories.decision()) == "CPU ▸ 0.4% loss acceptable ▸ openvino-qint8   (sbert-2024)"


def test_texts_without_a_tokenizer_have_lengths_in_characters_only() -> None:
    profile = replace(factories.texts(), tokens=None, truncated_fraction=None, num_seen=512)
    assert steps.texts(profile) == "512: p50 47 chars, p95 118 chars"


def test_a_stream_that_is_not_unicode_gets_ascii_signs_for_all_the_report_draws() -> None:
    assert for_encoding("utf-8") is UNICODE
    assert for_encoding("ascii") is for_encoding("latin-1") is for_encoding(None) is for_encoding("nonsense") is ASCII
    for make in factories.EVERY_KIND:
        text.full(make(), width=80, glyphs=ASCII).plain.encode("ascii")


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_a_progress_bar_keeps_its_width(glyphs: object) -> None:
    assert glyphs in (UNICODE, ASCII)
    for percent in range(-10, 120):
        assert len(UNICODE.progress(percent / 100, 15)) == 15
        assert len(ASCII.progress(percent / 100, 15)) == 15
    assert ASCII.progress(0, 5) == "-----"
    assert ASCII.progress(0.6, 5) == "==>--"
    assert ASCII.progress(1, 5) == "====="


def test_the_machine_is_shown_fact_by_fact_with_sources_and_unknown_stays_unknown() -> None:
    packages = (Package(name="torch", version="2.13.0"), Package(name="nncf", version=None))
    said = machine(factories.hardware(), packages, width=100).plain
    assert "torch 2.13.0" in said
    assert "not installed: nncf" in said
    assert "affinity, cgroup quota: quota of 2 CPUs" in said
    assert "NVML: no driver" in said
    for width in (60, 80, 100):
        lines = machine(factories.hardware(), packages, width=width).plain.splitlines()[1:]
        assert all(len(line) <= width for line in lines)


def test_lengths_name_the_field_the_sample_and_the_share_truncated() -> None:
    said = lengths(factories.texts()).plain
    assert said.startswith("tickets.jsonl, field body: 2,758 texts, 512 of them sampled with seed 0")
    assert "0% truncated at the model's maximum length" in said


def test_an_explanation_carries_no_speed_and_marks_what_is_simulated() -> None:
    said = explanation(
        factories.decision(),
        (factories.decision("onnx", "sbert-2026"),),
        overrides=("cpu.vendor=intel",),
        simulated=True,
        measure=None,
        width=80,
    ).plain
    assert said.startswith("SIM  what if cpu.vendor=intel")
    assert "sbert-2026 picks onnx instead" in said
    assert "texts/s" not in said
    assert "faster" not in said


def test_a_setting_that_tuning_kept_and_a_crossover_are_told_in_a_line_each() -> None:
    said = plain(factories.detailed(), width=100)
    assert re.search(r"\n  settings  .+: \d+% faster than the default settings; advisor\.load uses it\n", said)
    assert re.search(r"\n  lengths   up to [\d,]+ characters \S+, from [\d,]+ on \S+", said)


def on_a_gpu(rec: Recommendation, *speedups: tuple[int, float, tuple[float, float] | None]) -> Recommendation:
    """The recommendation with larger batches tried on its baseline."""
    tried = tuple(
        TriedSetting(
            label=f"{size} texts a batch",
            settings=RuntimeSettings(threads=2, batch_size=size, device="cuda"),
            speedup=Estimate(median=median, ci95=ci95),
            kept=False,
        )
        for size, median, ci95 in speedups
    )
    baseline = rec.outcome(rec.baseline)
    assert baseline is not None
    candidates = tuple(replace(each, tried=tried) if each is baseline else each for each in rec.candidates)
    return replace(rec, candidates=candidates)


def test_what_larger_batches_alone_would_bring_is_told_beside_what_the_winner_brings() -> None:
    rec = factories.confirmed()
    winner = rec.outcome(str(rec.winner))
    assert winner is not None
    assert winner.timing is not None
    assert winner.timing.speedup is not None
    tried = ((128, 2.0, (1.9, 2.1)), (256, 2.4, (2.3, 2.5)), (512, 9.9, (0.9, 11.0)))
    beyond = f"{winner.timing.speedup.median / 2.4:.1f}x"
    sentence = "torch-fp32 with batch_size=256 is 2.4x as fast as with its default"
    said = plain(on_a_gpu(rec, *tried), width=120)
    assert f"\n  baseline  {sentence}; {rec.winner} is {beyond} as fast as that\n" in said
    assert f"\n  baseline  {sentence}\n" in plain(on_a_gpu(factories.keep_baseline(), *tried), width=120)
    assert "  baseline  " not in plain(on_a_gpu(rec, (256, 1.1, (0.9, 1.2)), (512, 1.2, None)), width=120)


def test_without_tuning_or_a_crossover_there_is_no_such_line() -> None:
    said = plain(factories.confirmed(), width=100)
    assert "  settings" not in said
    assert "  lengths" not in said


def test_under_latency_the_ratios_are_those_of_latencies_side_by_side() -> None:
    rec = factories.confirmed(request=Request(objective="latency", threads=2))
    winner = rec.outcome(rec.winner)
    paired = Estimate(median=7.7, ci95=(7.1, 8.3))
    timed = replace(winner, timing=replace(winner.timing, latency_ms=replace(winner.timing.latency_ms, speedup=paired)))
    rec = replace(rec, candidates=tuple(timed if each is winner else each for each in rec.candidates))
    said = plain(rec, width=100)
    assert "7.7x lower latency than torch-fp32 (95% CI 7.1-8.3)" in said
    assert re.search(r"> openvino-qint8 .* 7\.7 +7\.1-8\.3", said)


def test_the_answer_says_when_rounds_are_of_an_earlier_run() -> None:
    rec = replace(
        factories.confirmed(),
        measurement=Measurement(started="2026-11-22T08:30:00+00:00", num_rounds=9, num_reused=9),
    )
    assert "measured here at 2026-11-22 08:30 UTC" in plain(rec, width=120)


def test_only_the_terminal_says_where_the_texts_that_moved_most_are() -> None:
    said = text.answer(factories.labelled(), width=200).plain
    assert "the five texts that moved most are in /home/somebody/cache/moved.txt" in said
    assert "0.11%" in said
    assert "-0.09..0.31" in said
