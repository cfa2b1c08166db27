"""Recommendations and events as real runs give them, built without a model or a runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from advisor.events import (
    CandidateEnded,
    CandidateLoaded,
    Event,
    ExportFinished,
    ExportStarted,
    FidelityMeasured,
    Finished,
    MachineProbed,
    ModelResolved,
    RoundFinished,
    RulesDecided,
    ScreenFinished,
    ScreenStep,
    StageStarted,
    TextsSampled,
    WarningRaised,
)
from advisor.types import (
    Artifact,
    ArtifactFile,
    Challenger,
    Cpu,
    Decision,
    Drift,
    Estimate,
    Exported,
    Fact,
    Fidelity,
    Findings,
    Hardware,
    Histogram,
    LabelProfile,
    Latency,
    LengthLoss,
    LengthSpeed,
    LengthStats,
    LossMethod,
    Measurement,
    Memory,
    ModelProfile,
    Outcome,
    Package,
    PathStep,
    Precision,
    Predicted,
    Recommendation,
    Request,
    RuntimeSettings,
    ScreenCheck,
    Screened,
    Status,
    TextProfile,
    Timing,
    TriedSetting,
    Untried,
    Verdict,
)

NOISE = "The load is 1.9 on 2 cores: gaps under 6% count as ties; close other jobs and run the same command again."


def hardware() -> Hardware:
    isa = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16")
    return Hardware(
        cpu=Cpu(
            model="AMD EPYC 9B45",
            vendor="amd",
            arch="x86_64",
            isa=isa,
            physical_cores=1,
            usable_cores=2.0,
        ),
        memory=Memory(total_bytes=33_554_432_000, available_bytes=23_622_320_128),
        onnxruntime_providers=("CPUExecutionProvider",),
        openvino_devices=("CPU",),
        facts=(
            Fact(name="cpu.model", value="AMD EPYC 9B45", source="/proc/cpuinfo"),
            Fact(name="cpu.isa", value=isa, source="/proc/cpuinfo"),
            Fact(name="cpu.usable_cores", value=2.0, source="affinity, cgroup quota", note="quota of 2 CPUs"),
            Fact(name="gpu.count", value=None, source="NVML", note="no driver"),
        ),
    )


def model() -> ModelProfile:
    return ModelProfile(
        id="all-MiniLM-L6-v2",
        path=Path("/home/somebody/models/all-MiniLM-L6-v2"),
        revision=None,
        content_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        architecture="BertModel",
        num_parameters=22_713_216,
        weights_bytes=90_868_376,
        embedding_dimension=384,
        max_seq_length=256,
        pooling="mean",
    )


def texts(*, builtin: bool = False) -> TextProfile:
    return TextProfile(
        source="built-in sample" if builtin else "tickets.jsonl",
        field=None if builtin else "body",
        num_seen=2758,
        num_sampled=512,
        seed=0,
        chars=LengthStats(mean=53.7, p50=47, p90=96, p95=118, p99=171, max=340),
        tokens=LengthStats(mean=14.0, p50=11, p90=25, p95=31, p99=44, max=82),
        truncated_fraction=0.0,
        fraction_under_500_chars=1.0,
        builtin=builtin,
        histogram=Histogram(
            unit="tokens", edges=(4, 6, 9, 13, 19, 28, 41, 60, 88), counts=(21, 96, 171, 118, 64, 28, 11, 3)
        ),
    )


def decision(pick: str = "openvino-qint8", ruleset: str = "sbert-2024") -> Decision:
    return Decision(
        ruleset=ruleset,
        path=(
            PathStep(node="device", question="Do you have a GPU?", answer="CPU", evidence="no GPU found"),
            PathStep(
                node="loss",
                question="Is a small loss acceptable?",
                answer="0.4% loss acceptable",
                evidence="--max-loss 0.40%",
            ),
        ),
        recommendation=pick,
        challengers=(
            Challenger(
                candidate="openvino-bf16",
                because="this CPU computes bf16 natively",
                source="https://sbert.net/docs/sentence_transformer/usage/efficiency.html",
            ),
        ),
    )


def outcome(
    name: str,
    texts_per_s: float | None = None,
    loss: float | None = None,
    *,
    status: Status = "measured",
    reason: str = "",
    precision: Precision = "fp32",
    baseline: float = 409.0,
    method: LossMethod = "estimated",
    file: str | None = None,
    size_bytes: int | None = 90_868_376,
) -> Outcome:
    """An outcome; `texts_per_s` None means that nothing was measured. `loss` None means that it is not known."""
    timing = None
    if texts_per_s is not None:
        speedup = texts_per_s / baseline
        is_baseline = name == "torch-fp32"
        timing = Timing(
            texts_per_s=Estimate(median=texts_per_s, ci95=(texts_per_s * 0.97, texts_per_s * 1.03)),
            speedup=Estimate(median=speedup, ci95=None if is_baseline else (speedup * 0.97, speedup * 1.03)),
            latency_ms=Latency(p50=1000 / texts_per_s * 4, p95=1000 / texts_per_s * 6),
            peak_rss_bytes=310_000_000 if name.startswith("openvino") else 1_200_000_000,
            rounds=24 if status != "cut" else 2,
            by_round=tuple(texts_per_s * (1 + 0.02 * ((step % 5) - 2)) for step in range(24 if status != "cut" else 2)),
        )
    fidelity = None
    if loss is not None:
        fidelity = Fidelity(
            value=loss,
            ci95=(loss - min(0.0006, 0.75 * loss), loss + min(0.0007, 0.875 * loss)),
            method=method,
            metric="1 - Spearman rho, 10 neighbours",
        )
    return Outcome(
        name=name,
        status=status,
        reason=reason,
        precision=precision,
        file=file,
        settings=None if timing is None else RuntimeSettings(threads=2, tokens_per_batch=2048),
        timing=timing,
        findings=Findings(loss=fidelity, load_s=None if timing is None else 0.41),
        export_s=None if name.startswith("torch") or timing is None else 12.5,
        size_bytes=size_bytes if timing is not None else None,
    )


def _qint8(texts_per_s: float = 2579.0, loss: float = 0.0008, status: Status = "measured", reason: str = "") -> Outcome:
    return outcome(
        "openvino-qint8",
        texts_per_s,
        loss,
        status=status,
        reason=reason,
        precision="int8",
        file="openvino/openvino_model_qint8_quantized.xml",
        size_bytes=23_100_000,
    )


def _rest() -> tuple[Outcome, ...]:
    return (
        outcome("torch-fp16", 110.0, None, status="cut", reason="cut after the probe: 3.7x slower", precision="fp16"),
        outcome("onnx-O4", status="skipped", reason="needs a CUDA GPU", precision="fp16"),
    )


def _baseline() -> Outcome:
    return outcome("torch-fp32", 409.0)


def recommendation(
    candidates: tuple[Outcome, ...],
    *,
    winner: str | None,
    verdict: Verdict,
    why: str,
    artifact: bool = True,
    warnings: tuple[str, ...] = (NOISE,),
    request: Request | None = None,
    builtin: bool = False,
    alternatives: tuple[Decision, ...] = (),
    pick: str = "openvino-qint8",
) -> Recommendation:
    files = (
        ArtifactFile(name="openvino/openvino_model_qint8_quantized.xml", sha256="ab" * 32, size_bytes=400_000),
        ArtifactFile(name="openvino/openvino_model_qint8_quantized.bin", sha256="cd" * 32, size_bytes=22_700_000),
        ArtifactFile(name="README.md", sha256="ef" * 32, size_bytes=3_000),
    )
    return Recommendation(
        advisor_version="0.1.0",
        created="2026-11-23T06:41:00Z",
        model=model(),
        hardware=hardware(),
        packages=(
            Package(name="openvino", version="2026.4.0"),
            Package(name="onnxruntime", version="1.32.0"),
            Package(name="optimum-onnx", version=None),
        ),
        texts=texts(builtin=builtin),
        decision=decision(pick),
        alternatives=alternatives,
        request=request or Request(threads=2),
        candidates=candidates,
        winner=winner,
        verdict=verdict,
        why=why,
        warnings=warnings,
        artifact=Artifact(path=Path("advisor-out/all-MiniLM-L6-v2"), files=files) if artifact else None,
        elapsed_s=192.4,
    )


def confirmed(*, builtin: bool = False, request: Request | None = None) -> Recommendation:
    """The ruleset's pick won clearly."""
    return recommendation(
        (
            _qint8(),
            outcome("openvino-bf16", 1796.0, 0.00001, precision="bf16", file="openvino/openvino_model.xml"),
            outcome("onnx-qint8", 1776.0, 0.0026, precision="int8", file="onnx/model_qint8_avx512_vnni.onnx"),
            _baseline(),
            *_rest(),
        ),
        winner="openvino-qint8",
        verdict="confirmed",
        why="openvino-qint8 is the fastest within the budget, and sbert-2024 recommends it.",
        builtin=builtin,
        request=request,
    )


def overturned() -> Recommendation:
    """Another candidate than the ruleset's pick won clearly, for the pick loses too much."""
    return recommendation(
        (
            outcome("openvino-bf16", 1796.0, 0.00001, precision="bf16", file="openvino/openvino_model.xml"),
            _qint8(loss=0.0123, status="rejected", reason="loses 1.23%, over the budget of 0.40%"),
            _baseline(),
            *_rest(),
        ),
        winner="openvino-bf16",
        verdict="overturned",
        why="openvino-qint8, which sbert-2024 picks, loses 1.23%, over the budget of 0.40%.",
        alternatives=(decision("onnx-O3", "sbert-2026"),),
    )


def tie() -> Recommendation:
    """The pick is within the noise of the fastest; the simpler one is kept."""
    return recommendation(
        (
            outcome("openvino-bf16", 2520.0, 0.00001, precision="bf16", file="openvino/openvino_model.xml"),
            _qint8(texts_per_s=2579.0),
            _baseline(),
        ),
        winner="openvino-bf16",
        verdict="tie",
        why="openvino-bf16 and openvino-qint8 are within 3% of each other; the more accurate one is kept.",
    )


def inconclusive() -> Recommendation:
    """The machine was too noisy to tell."""
    return recommendation(
        (
            outcome("openvino-bf16", 520.0, 0.00001, precision="bf16", file="openvino/openvino_model.xml"),
            _baseline(),
        ),
        winner="openvino-bf16",
        verdict="inconclusive",
        why="The speedup's interval reaches from 0.8 to 1.9.",
    )


def unfinished() -> Recommendation:
    """A candidate was predicted and cut, and for another there was no time."""
    return replace(
        recommendation(
            (
                _qint8(),
                outcome("openvino-bf16", 1796.0, 0.00001, precision="bf16", file="openvino/openvino_model.xml"),
                _baseline(),
                replace(
                    outcome(
                        "onnx-qint8",
                        status="cut",
                        reason="1.8x slower than openvino-qint8, predicted from 1 and 3 of 12 layers",
                        precision="int8",
                    ),
                    predicted=Predicted(speedup=3.5, depths=(1, 3), num_layers=12),
                ),
                replace(
                    outcome("onnx", status="skipped", reason="skipped: the time budget left no room to load it"),
                    untried=Untried(needs_s=40.0),
                ),
            ),
            winner="openvino-qint8",
            verdict="inconclusive",
            why="openvino-qint8 is the fastest of the 4 that there was time for; onnx was not tried (about 40 s more: "
            "--time-budget 11m).",
        ),
        measurement=Measurement(
            started="2026-11-23T06:42:10Z",
            num_rounds=24,
            num_reused=0,
            screen=ScreenCheck(depths=(1, 3), num_layers=12, baseline_error=0.021),
        ),
    )


def keep_baseline() -> Recommendation:
    """Nothing is faster than Sentence Transformers as it runs by default."""
    return recommendation(
        (
            _baseline(),
            outcome("onnx", 395.0, 0.0, file="onnx/model.onnx"),
            outcome("openvino", status="failed", reason="ValueError: unsupported operator aten::frobnicate"),
            *_rest(),
        ),
        winner="torch-fp32",
        verdict="overturned",
        why="No candidate within the budget is faster than torch-fp32.",
        warnings=(),
    )


def with_failures() -> Recommendation:
    """A winner beside candidates that crashed, one with a very long reason."""
    base = confirmed()
    failed = (
        outcome(
            "onnx-qint8",
            status="failed",
            reason="the process was killed by SIGKILL, perhaps for lack of memory, while it was quantising the "
            "weights of a model that is much larger than the memory that this machine has left",
            precision="int8",
        ),
        outcome("onnx", status="failed", reason="no answer to export in 600 s"),
    )
    return replace(base, candidates=(base.candidates[0], _baseline(), *failed, *_rest()))


def nothing_passes() -> Recommendation:
    """Not even the baseline could be measured."""
    return recommendation(
        (
            _qint8(loss=0.0123, status="rejected", reason="loses 1.23%, over the budget of 0.40%"),
            outcome("torch-fp32", status="failed", reason="the process ended with exit code 1"),
        ),
        winner=None,
        verdict="inconclusive",
        why="No candidate meets a loss budget of 0.40%.",
        artifact=False,
    )


_LENGTHS: dict[str, tuple[float, float, float]] = {
    "openvino-qint8": (6.9, 5.6, 3.9),
    "openvino-bf16": (3.9, 4.9, 4.6),
    "onnx-qint8": (4.6, 4.1, 3.2),
    "torch-fp32": (1.0, 1.0, 1.0),
}


def _detail(each: Outcome) -> Outcome:
    """The outcome with speed by length and, for the winner, the settings that were tried."""
    if each.name not in _LENGTHS:
        return each
    base = (620.0, 380.0, 160.0)
    spans = ((0, 63, 0.71), (64, 127, 0.25), (128, None, 0.04))
    by_length = tuple(
        LengthSpeed(
            min_chars=low,
            max_chars=high,
            share=share,
            texts_per_s=Estimate(
                median=texts_per_s * ratio, ci95=(texts_per_s * ratio * 0.96, texts_per_s * ratio * 1.04)
            ),
            speedup=None if each.name == "torch-fp32" else Estimate(median=ratio, ci95=(ratio * 0.97, ratio * 1.03)),
        )
        for (low, high, share), texts_per_s, ratio in zip(spans, base, _LENGTHS[each.name], strict=True)
    )
    tried: tuple[TriedSetting, ...] = ()
    if each.name == "openvino-qint8":
        tried = (
            TriedSetting(
                label="2 streams",
                settings=RuntimeSettings(threads=2, tokens_per_batch=2048, num_streams=2),
                speedup=Estimate(median=1.12, ci95=(1.08, 1.15)),
                kept=True,
            ),
            TriedSetting(
                label="4,096 tokens a batch",
                settings=RuntimeSettings(threads=2, tokens_per_batch=4096),
                speedup=Estimate(median=0.97, ci95=(0.94, 1.01)),
                kept=False,
            ),
        )
    return replace(each, by_length=by_length, tried=tried)


def detailed() -> Recommendation:
    """A run with everything in it: speed by length with a crossover, tuning, how the figures came about."""
    base = confirmed()
    return replace(
        base,
        candidates=tuple(_detail(each) for each in base.candidates),
        alternatives=(decision("openvino-qint8", "sbert-2026"),),
        measurement=Measurement(started="2026-11-23T06:42:10Z", num_rounds=24, num_reused=8, num_reruns=1),
    )


EVERY_KIND = (confirmed, overturned, tie, inconclusive, unfinished, keep_baseline, with_failures, nothing_passes)


def events(rec: Recommendation, *, rounds: int = 3) -> tuple[Event, ...]:
    """The events that lead to `rec`, as the pipeline tells them."""
    told: list[Event] = []
    clock = iter(range(10_000))

    def now() -> float:
        return float(next(clock))

    measured = [each for each in rec.candidates if each.timing is not None and each.status != "cut"]
    told += [
        StageStarted(elapsed_s=now(), stage="model"),
        ModelResolved(elapsed_s=now(), model=rec.model),
        StageStarted(elapsed_s=now(), stage="machine"),
        MachineProbed(elapsed_s=now(), hardware=rec.hardware, threads=rec.request.threads),
        StageStarted(elapsed_s=now(), stage="texts"),
        TextsSampled(elapsed_s=now(), profile=rec.texts),
        RulesDecided(
            elapsed_s=now(),
            decision=rec.decision,
            alternatives=rec.alternatives,
            candidates=tuple(each.name for each in rec.candidates if each.status != "skipped"),
        ),
    ]
    told += [WarningRaised(elapsed_s=now(), message=message) for message in rec.warnings]
    told += [CandidateEnded(elapsed_s=now(), outcome=each) for each in rec.candidates if each.status == "skipped"]
    if rec.measurement is not None and rec.measurement.screen is not None:
        found = screened(rec, rec.measurement.screen)
        told.append(StageStarted(elapsed_s=now(), stage="screen"))
        for name in found.predicted:
            told.append(ScreenStep(elapsed_s=now(), step="export", candidate=name, total=len(found.predicted)))
        told.append(ScreenStep(elapsed_s=now(), step="time", candidate="", total=len(found.predicted)))
        told.append(ScreenFinished(elapsed_s=now(), screened=found))
    told.append(StageStarted(elapsed_s=now(), stage="measure"))
    ready = [each for each in measured if each.file is None]
    for index, each in enumerate(ready, start=1):
        told.append(ExportStarted(elapsed_s=now(), candidate=each.name, index=index, total=len(measured)))
        told.append(ExportFinished(elapsed_s=now(), exported=exported(each)))
    for index, each in enumerate([*ready, *(each for each in measured if each not in ready)], start=1):
        if each not in ready:
            told.append(StageStarted(elapsed_s=now(), stage="export"))
            told.append(ExportStarted(elapsed_s=now(), candidate=each.name, index=index, total=len(measured)))
            told.append(ExportFinished(elapsed_s=now(), exported=exported(each)))
            told.append(StageStarted(elapsed_s=now(), stage="measure"))
        told.append(CandidateLoaded(elapsed_s=now(), candidate=each.name, load_s=0.4))
        told.append(FidelityMeasured(elapsed_s=now(), candidate=each.name, loss=each.loss))
    told += [
        CandidateEnded(elapsed_s=now(), outcome=each) for each in rec.candidates if each.status in {"failed", "cut"}
    ]
    for index in range(1, rounds + 1):
        for each in measured:
            assert each.timing is not None
            told.append(
                RoundFinished(
                    elapsed_s=now(),
                    candidate=each.name,
                    round_index=index,
                    num_rounds=rounds,
                    texts_per_s=each.timing.texts_per_s.median,
                )
            )
    told.append(Finished(elapsed_s=now(), recommendation=rec))
    return tuple(told)


def exported(made: Outcome) -> Exported:
    """A candidate's files."""
    return Exported(
        candidate=made.name,
        folder=Path("cache"),
        file=made.file,
        settings=RuntimeSettings(threads=2),
        export_s=made.export_s,
        size_bytes=made.size_bytes or 0,
    )


def screened(rec: Recommendation, check: ScreenCheck) -> Screened:
    """What a screen may have foretold: of what was measured, its very speedup."""
    speedups = {each.name: each.timing.speedup.median for each in rec.candidates if each.timing and each.timing.speedup}
    speedups |= {each.name: each.predicted.speedup for each in rec.candidates if each.predicted is not None}
    return Screened(
        check=check,
        predicted={
            name: Predicted(speedup=speedup, depths=check.depths, num_layers=check.num_layers)
            for name, speedup in speedups.items()
        },
        export_s={each.name: each.export_s for each in rec.candidates if each.export_s is not None},
    )


def labelled() -> Recommendation:
    """The winner's loss was measured on labels, and everything is known about how far its embeddings moved."""
    rec = confirmed()
    won = rec.candidates[0]
    assert won.loss is not None
    assert won.loss.ci95 is not None
    on_labels = replace(
        won.loss,
        value=0.0011,
        ci95=(-0.0009, 0.0031),
        method="labelled",
        metric="nDCG@10 over 300 queries and 5,000 documents",
        score=0.6414,
        baseline_score=0.6421,
    )
    moved = Drift(
        num_texts=512,
        top10_overlap=0.943,
        top10_overlap_p05=0.8,
        cosine_median=0.9981,
        cosine_min=0.963,
        batch_cosine_min=0.9876,
        mixed=replace(won.loss, value=0.0061, ci95=(0.0047, 0.0092)),
        by_length=(
            LengthLoss(min_chars=0, max_chars=63, share=0.7, value=0.0007, ci95=(0.0002, 0.0016)),
            LengthLoss(min_chars=64, max_chars=None, share=0.3, value=0.0012, ci95=None),
        ),
        most_moved=(17, 4, 99, 3, 250),
    )
    found = replace(won.findings, loss=on_labels, estimated_loss=won.loss, drift=moved)
    best = replace(won, findings=found, most_moved=Path("/home/somebody/cache/moved.txt"))
    profile = LabelProfile(
        source="scifact", kind="retrieval", num_items=300, num_items_seen=300, num_stored=5000, num_stored_seen=5183
    )
    return replace(rec, candidates=(best, *rec.candidates[1:]), labels=profile)
