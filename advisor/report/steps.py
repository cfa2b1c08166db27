"""One line for each thing that was found out before the race: the machine, the texts, the rules, the screen. Pure."""

from __future__ import annotations

from datetime import datetime

from advisor.events import ModelDownloading, RaceRepeated, RoundsReused, ScreenStep, SettingTried
from advisor.report import format as fmt
from advisor.report.glyphs import UNICODE, Glyphs
from advisor.types import BASELINE, Decision, Hardware, Predicted, ScreenCheck, Screened, TextProfile

STAGES = {
    "model": "reading the model",
    "machine": "reading the machine",
    "texts": "sampling the texts",
    "screen": "screening the candidates",
    "export": "exporting",
    "measure": "loading the candidates",
    "choose": "choosing",
    "artifact": "writing the artifact",
}
"""What a run does in each stage, until its events say more."""


def downloading(event: ModelDownloading) -> str:
    """`downloading bge-small-en, 43 of 91 MB`."""
    if event.total_bytes is None:
        return f"downloading {event.model}, {fmt.size(event.done_bytes)}"
    done, total = fmt.size(event.done_bytes), fmt.size(event.total_bytes)
    unit = f" {total.split()[-1]}"
    return f"downloading {event.model}, {done.removesuffix(unit)} of {total}"


def machine(hardware: Hardware) -> str:
    """`2 cores, AMD EPYC, AVX-512 VNNI + BF16, 22 GiB free, no GPU`."""
    cpu = hardware.cpu
    parts = [fmt.cores(cpu.usable_cores), cpu.model or cpu.arch, fmt.instruction_sets(cpu.isa)]
    if hardware.memory.available_bytes is not None:
        parts.append(f"{fmt.memory(hardware.memory.available_bytes)} free")
    parts.append(" + ".join(gpu.name for gpu in hardware.gpus) or "no GPU")
    return ", ".join(part for part in parts if part)


def texts(profile: TextProfile) -> str:
    """`512 of 2,758: p50 47 chars / 11 tokens, p95 31 tokens, 0% truncated`; says so where they are built in, or pairs
    that were made of single texts."""
    lengths = [f"p50 {fmt.count(profile.chars.p50)} chars"]
    if profile.tokens is None:
        lengths.append(f"p95 {fmt.count(profile.chars.p95)} chars")
    else:
        lengths[0] += f" / {fmt.count(profile.tokens.p50)} tokens"
        lengths.append(f"p95 {fmt.count(profile.tokens.p95)} tokens")
    if profile.truncated_fraction is not None:
        lengths.append(f"{fmt.share(profile.truncated_fraction)} truncated")
    number = fmt.count(profile.num_sampled)
    if profile.num_seen != profile.num_sampled:
        number += f" of {fmt.count(profile.num_seen)}"
    if profile.pairs == "made":
        texts = "built-in texts" if profile.builtin else fmt.plural(profile.num_seen, "text")
        return f"{fmt.count(profile.num_sampled)} made of {texts}: {', '.join(lengths)}"
    return f"{number}{' built-in' if profile.builtin else ''}: {', '.join(lengths)}"


def rules(decision: Decision, glyphs: Glyphs = UNICODE) -> str:
    """`CPU ▸ 0.4% loss acceptable ▸ openvino-qint8   (sbert-2024)`."""
    answers = [step.answer for step in decision.path]
    path = f" {glyphs.arrow} ".join([*answers, decision.recommendation])
    return f"{path}   ({decision.ruleset})"


def takes(expected_s: float, *, at_most_s: float | None) -> str:
    """`about 2 min from an empty cache, 10 min at most`."""
    about = "less than a minute" if expected_s < 45 else f"about {max(1, round(expected_s / 60))} min"
    about += " from an empty cache"
    if at_most_s is None:
        return about
    return f"{about}, {f'{at_most_s:.0f} s' if at_most_s < 120 else f'{at_most_s / 60:.3g} min'} at most"


def screening(event: ScreenStep) -> str:
    """`exporting the first layers as onnx`, `timing the first layers of 10 candidates`."""
    if event.step == "export":
        return f"exporting the first layers as {event.candidate}"
    return f"timing the first layers of {fmt.plural(event.total, 'candidate')}"


def screened(found: Screened) -> str:
    """`predictions` of all candidates but the baseline."""
    return predictions(found.check, len(found.predicted.keys() - {BASELINE}))


def predictions(check: ScreenCheck, num_predicted: int) -> str:
    """`10 candidates predicted from 1 and 3 of 12 layers; the baseline's own time was missed by +2%`."""
    if check.fell_back is not None:
        return f"no candidate was {check.origin}: {check.fell_back}"
    number = fmt.plural(num_predicted, "candidate")
    return f"{number} {check.origin}; the baseline's own time was missed by {check.baseline_error:+z.0%}"


def predicted(found: Predicted) -> str:
    """`~1.5x predicted from 1 and 3 of 12 layers`."""
    return f"~{fmt.times(found.speedup)} {found.origin}"


def reused(event: RoundsReused, *, now: datetime) -> str:
    """`12 rounds from 3 min ago are used again (--fresh measures anew)`."""
    when = f"from {fmt.age(max(0.0, (now - datetime.fromisoformat(event.started)).total_seconds()))} ago"
    verb = "is" if event.num_rounds == 1 else "are"
    return f"{fmt.plural(event.num_rounds, 'round')} {when} {verb} used again (--fresh measures anew)"


def tried(event: SettingTried) -> str:
    """`openvino-qint8 with 2 streams: 1.12x its default settings; kept`."""
    speed = f"{fmt.times(event.tried.speedup.median)} its default settings"
    return f"{event.candidate} with {event.tried.label}: {speed}; {'kept' if event.tried.kept else 'not kept'}"


def repeated(event: RaceRepeated) -> str:
    """`once more: the first one was inconclusive`."""
    return f"once more: {fmt.one_line(event.why)}"
