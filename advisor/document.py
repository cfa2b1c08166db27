"""The recommendation as a JSON document, and back: one schema for `--json`, Python and the manifest.

`docs/recommendation.schema.json` describes it. Within a major version keys are only added. Unknown values are null.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from advisor.errors import ArtifactError
from advisor.schema import SCHEMA_NAME, SCHEMA_VERSION, Json, check_schema, frozen, known, settings_from_dict
from advisor.types import (
    Against,
    Artifact,
    ArtifactFile,
    Challenger,
    Cpu,
    Decision,
    Drift,
    Estimate,
    Fact,
    Fidelity,
    Findings,
    Gpu,
    Hardware,
    Histogram,
    LabelProfile,
    Latency,
    LengthLoss,
    LengthSpeed,
    LengthStats,
    Measurement,
    Memory,
    ModelProfile,
    Outcome,
    Package,
    PathStep,
    Recommendation,
    Request,
    RuntimeSettings,
    TextProfile,
    Timing,
    TriedSetting,
)

# -- out -----------------------------------------------------------------------------------------------------


def to_dict(recommendation: Recommendation) -> Json:
    """The document of a recommendation: only str, int, float, bool, None, list and dict."""
    rec = recommendation
    return {
        "schema": {"name": SCHEMA_NAME, "version": SCHEMA_VERSION},
        "advisor_version": rec.advisor_version,
        "created": rec.created,
        "model": _model_out(rec.model),
        "hardware": hardware_to_dict(rec.hardware),
        "packages": {package.name: package.version for package in rec.packages},
        "texts": texts_to_dict(rec.texts),
        "rules": decision_to_dict(rec.decision)
        | {"alternatives": [decision_to_dict(decision) for decision in rec.alternatives]},
        "objective": rec.request.objective,
        "max_loss": rec.request.max_loss,
        "threads": rec.request.threads,
        "device": rec.request.device,
        "seed": rec.request.seed,
        "exporter": rec.request.exporter,
        "asked": {
            "candidates": None if rec.request.candidates is None else list(rec.request.candidates),
            "skip": list(rec.request.skip),
            "time_budget_s": rec.request.time_budget_s,
            "label_field": rec.request.label_field,
        },
        "baseline": rec.baseline,
        "candidates": [_outcome_out(outcome) for outcome in rec.candidates],
        "winner": rec.winner,
        "verdict": rec.verdict,
        "why": rec.why,
        "warnings": list(rec.warnings),
        "artifact": None if rec.artifact is None else _artifact_out(rec.artifact),
        "elapsed_s": rec.elapsed_s,
        "measurement": None if rec.measurement is None else asdict(rec.measurement),
        "labels": None if rec.labels is None else asdict(rec.labels),
    }


def hardware_to_dict(hardware: Hardware) -> Json:
    """The document of a machine."""
    return {
        "cpu": _plain(asdict(hardware.cpu)),
        "memory": asdict(hardware.memory),
        "gpus": [asdict(gpu) for gpu in hardware.gpus],
        "onnxruntime_providers": _plain(hardware.onnxruntime_providers),
        "openvino_devices": _plain(hardware.openvino_devices),
        "torch_devices": _plain(hardware.torch_devices),
        "cxx": hardware.cxx,
        "facts": [_plain(asdict(fact)) for fact in hardware.facts],
    }


def texts_to_dict(profile: TextProfile) -> Json:
    """The document of a text profile."""
    document: Json = _plain(asdict(profile))
    return document


def decision_to_dict(decision: Decision) -> Json:
    """The document of one ruleset's decision."""
    return {
        "ruleset": decision.ruleset,
        "path": [asdict(step) for step in decision.path],
        "recommendation": decision.recommendation,
        "challengers": [asdict(challenger) for challenger in decision.challengers],
    }


def settings_to_dict(settings: RuntimeSettings) -> Json:
    """Runtime settings without those that are not set."""
    return {key: value for key, value in asdict(settings).items() if value is not None}


def _model_out(model: ModelProfile) -> Json:
    return {
        "id": model.id,
        "revision": model.revision,
        "content_sha256": model.content_sha256,
        "architecture": model.architecture,
        "num_parameters": model.num_parameters,
        "weights_bytes": model.weights_bytes,
        "embedding_dimension": model.embedding_dimension,
        "max_seq_length": model.max_seq_length,
        "pooling": model.pooling,
        "kind": model.kind,
    }


def _outcome_out(outcome: Outcome) -> Json:
    timing = outcome.timing
    latency: Json | None = None
    if timing is not None and timing.latency_p50_ms is not None:
        latency = {"p50": timing.latency_p50_ms, "p95": timing.latency_p95_ms}
        if timing.latency_speedup is not None:
            latency["speedup"] = _estimate_out(timing.latency_speedup)
    return {
        "name": outcome.name,
        "status": outcome.status,
        "reason": outcome.reason,
        "precision": outcome.precision,
        "file": outcome.file,
        "settings": {} if outcome.settings is None else settings_to_dict(outcome.settings),
        "texts_per_s": None if timing is None else _estimate_out(timing.texts_per_s),
        "speedup": None if timing is None or timing.speedup is None else _estimate_out(timing.speedup),
        "latency_ms": latency,
        "loss": _fidelity_out(outcome.loss),
        "estimated_loss": _fidelity_out(outcome.estimated),
        "drift": None if outcome.drift is None else _drift_out(outcome.drift),
        "export_s": outcome.export_s,
        "load_s": outcome.findings.load_s,
        "size_bytes": outcome.size_bytes,
        "peak_rss_bytes": None if timing is None else timing.peak_rss_bytes,
        "rounds": 0 if timing is None else timing.rounds,
        "by_round": [] if timing is None else list(timing.by_round),
        "notes": list(outcome.notes),
        "against": [] if timing is None else [_against_out(against) for against in timing.against],
        "by_length": [_plain(asdict(speed)) for speed in outcome.by_length],
        "tried": [_plain(asdict(tried)) | {"settings": settings_to_dict(tried.settings)} for tried in outcome.tried],
    }


def _fidelity_out(loss: Fidelity | None) -> Json | None:
    return None if loss is None else {key: _plain(value) for key, value in asdict(loss).items()}


def _drift_out(drift: Drift) -> Json:
    """Without the places of the texts that moved most: they are nobody else's business."""
    document: Json = _plain(asdict(drift))
    del document["most_moved"]
    return document


def _against_out(against: Against) -> Json:
    pair = {"speedup": against.speedup, "latency_speedup": against.latency_speedup}
    return {"rival": against.rival} | {
        key: None if estimate is None else _estimate_out(estimate) for key, estimate in pair.items()
    }


def _estimate_out(estimate: Estimate) -> Json:
    return {"median": estimate.median, "ci95": _plain(estimate.ci95)}


def _artifact_out(artifact: Artifact) -> Json:
    return {"path": str(artifact.path), "files": [asdict(file) for file in artifact.files]}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


# -- in ------------------------------------------------------------------------------------------------------


def from_dict(document: Json) -> Recommendation:
    """Read a document back.

    Keys that a newer minor version added are passed over. Raises ArtifactError for another schema or major version
    and for a document with parts missing.
    """
    check_schema(document)
    try:
        return _recommendation_in(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactError(f"The recommendation document is not complete: {type(error).__name__} {error}.") from None


def _recommendation_in(doc: Json) -> Recommendation:
    return Recommendation(
        advisor_version=doc["advisor_version"],
        created=doc["created"],
        model=ModelProfile(**known(ModelProfile, doc["model"]), path=Path()),
        hardware=_hardware_in(doc["hardware"]),
        packages=tuple(Package(name=name, version=version) for name, version in doc["packages"].items()),
        texts=_texts_in(doc["texts"]),
        decision=_decision_in(doc["rules"]),
        alternatives=tuple(_decision_in(item) for item in doc["rules"]["alternatives"]),
        request=Request(
            objective=doc["objective"],
            max_loss=doc["max_loss"],
            threads=doc["threads"],
            seed=doc.get("seed", 0),
            device=doc.get("device"),
            exporter=doc.get("exporter", "native"),
            **known(Request, doc.get("asked", {})),
        ),
        candidates=tuple(_outcome_in(item) for item in doc["candidates"]),
        winner=doc["winner"],
        verdict=doc["verdict"],
        why=doc.get("why", ""),
        warnings=tuple(doc["warnings"]),
        artifact=None if doc["artifact"] is None else _artifact_in(doc["artifact"]),
        elapsed_s=doc["elapsed_s"],
        measurement=None if doc.get("measurement") is None else Measurement(**known(Measurement, doc["measurement"])),
        labels=None if doc.get("labels") is None else LabelProfile(**known(LabelProfile, doc["labels"])),
        baseline=doc["baseline"],
    )


def _hardware_in(doc: Json) -> Hardware:
    return Hardware(
        cpu=Cpu(**known(Cpu, doc["cpu"])),
        memory=Memory(**known(Memory, doc["memory"])),
        gpus=tuple(Gpu(**known(Gpu, gpu)) for gpu in doc["gpus"]),
        onnxruntime_providers=frozen(doc.get("onnxruntime_providers")),
        openvino_devices=frozen(doc.get("openvino_devices")),
        torch_devices=frozen(doc.get("torch_devices")),
        cxx=doc.get("cxx"),
        facts=tuple(Fact(**known(Fact, fact)) for fact in doc.get("facts", [])),
    )


def _texts_in(doc: Json) -> TextProfile:
    lengths = {
        key: None if doc[key] is None else LengthStats(**known(LengthStats, doc[key])) for key in ("chars", "tokens")
    }
    histogram = None if doc.get("histogram") is None else Histogram(**known(Histogram, doc["histogram"]))
    return TextProfile(**(known(TextProfile, doc) | lengths | {"histogram": histogram}))


def _decision_in(doc: Json) -> Decision:
    return Decision(
        ruleset=doc["ruleset"],
        path=tuple(PathStep(**known(PathStep, step)) for step in doc.get("path", [])),
        recommendation=doc["recommendation"],
        challengers=tuple(Challenger(**known(Challenger, item)) for item in doc.get("challengers", [])),
    )


def _outcome_in(doc: Json) -> Outcome:
    timing = None
    if doc["texts_per_s"] is not None:
        latency = doc["latency_ms"] or {}
        timing = Timing(
            texts_per_s=_estimate_in(doc["texts_per_s"]),
            speedup=None if doc["speedup"] is None else _estimate_in(doc["speedup"]),
            latency_ms=None
            if not latency
            else Latency(
                p50=latency["p50"],
                p95=latency["p95"],
                speedup=_estimate_in(latency["speedup"]) if latency.get("speedup") else None,
            ),
            peak_rss_bytes=doc["peak_rss_bytes"],
            rounds=doc["rounds"],
            by_round=frozen(doc.get("by_round", [])),
            against=tuple(_against_in(item) for item in doc.get("against", ())),
        )
    return Outcome(
        name=doc["name"],
        status=doc["status"],
        reason=doc["reason"],
        precision=doc["precision"],
        file=doc["file"],
        settings=settings_from_dict(doc["settings"]) if doc["settings"] else None,
        timing=timing,
        findings=Findings(
            load_s=doc["load_s"],
            loss=_fidelity_in(doc["loss"]),
            estimated_loss=_fidelity_in(doc.get("estimated_loss")),
            drift=_drift_in(doc["drift"]) if doc.get("drift") else None,
        ),
        export_s=doc["export_s"],
        size_bytes=doc["size_bytes"],
        notes=tuple(doc.get("notes", ())),
        by_length=tuple(_length_speed_in(item) for item in doc.get("by_length", ())),
        tried=tuple(_tried_in(item) for item in doc.get("tried", ())),
    )


def _fidelity_in(doc: Json | None) -> Fidelity | None:
    return None if doc is None else Fidelity(**known(Fidelity, doc))


def _drift_in(doc: Json) -> Drift:
    by_length = tuple(LengthLoss(**known(LengthLoss, item)) for item in doc.get("by_length", ()))
    return Drift(**known(Drift, doc) | {"mixed": _fidelity_in(doc.get("mixed")), "by_length": by_length})


def _against_in(doc: Json) -> Against:
    return Against(
        rival=doc["rival"],
        speedup=_estimate_in(doc["speedup"]) if doc["speedup"] else None,
        latency_speedup=_estimate_in(doc["latency_speedup"]) if doc["latency_speedup"] else None,
    )


def _length_speed_in(doc: Json) -> LengthSpeed:
    return LengthSpeed(
        min_chars=doc["min_chars"],
        max_chars=doc["max_chars"],
        share=doc["share"],
        texts_per_s=_estimate_in(doc["texts_per_s"]),
        speedup=None if doc["speedup"] is None else _estimate_in(doc["speedup"]),
    )


def _tried_in(doc: Json) -> TriedSetting:
    return TriedSetting(
        label=doc["label"],
        settings=settings_from_dict(doc["settings"]),
        speedup=_estimate_in(doc["speedup"]),
        kept=doc["kept"],
    )


def _estimate_in(doc: Json) -> Estimate:
    return Estimate(median=doc["median"], ci95=frozen(doc["ci95"]))


def _artifact_in(doc: Json) -> Artifact:
    files = tuple(ArtifactFile(**known(ArtifactFile, file)) for file in doc["files"])
    return Artifact(path=Path(doc["path"]), files=files)
