"""One candidate on its way through the measurement."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from advisor.catalogue import Candidate
from advisor.errors import ChildFailed
from advisor.gate import judge
from advisor.measure.race.observer import Exit
from advisor.measure.race.rounds import Round, estimate, log_speed
from advisor.measure.workers.client import Client, Peak
from advisor.types import (
    BASELINE,
    Against,
    Estimate,
    Exported,
    Findings,
    Latency,
    LengthSpeed,
    Outcome,
    RuntimeSettings,
    Timing,
    TriedSetting,
)

_UNITY = Estimate(median=1.0, ci95=(1.0, 1.0))


@dataclass(slots=True, kw_only=True)
class Contestant:
    """What is known so far. It is mutable and never leaves this room: `outcome` is what does."""

    exported: Exported
    candidate: Candidate
    findings: Findings = field(default_factory=Findings)
    exit: Exit | None = None
    client: Client | None = None
    """The worker, once it is started."""
    is_open: bool = False
    """Whether the worker has loaded the files."""
    is_retired: bool = False
    """Whether it has raced, and its worker was ended for good."""
    broken: ChildFailed | None = None
    """What ended a worker that was started ahead of its turn."""
    peak: Peak = field(default_factory=Peak)
    setting: str = ""
    """The name of the setting that tuning kept; empty for the export's own."""
    settings: RuntimeSettings | None = None
    """What that setting is."""
    open_settings: set[str] = field(default_factory=set)
    """Names of the settings that are open in the worker besides its own."""
    tried: tuple[TriedSetting, ...] = ()
    by_length: tuple[LengthSpeed, ...] = ()
    reference_path: Path | None = None
    most_moved: Path | None = None

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name

    @property
    def on_torch(self) -> bool:
        """Whether PyTorch runs it."""
        return self.candidate.runtime == "torch"

    @property
    def s_per_text(self) -> float:
        """Seconds a text in the probe; 0 before it was probed."""
        return self.findings.s_per_text or 0.0

    @property
    def is_gone(self) -> bool:
        """Whether it failed or was left out; one that was cut can still run."""
        return self.exit is not None and self.exit.status != "cut"

    @property
    def connection(self) -> Client:
        """The worker; raises RuntimeError if it is not running."""
        if self.client is None:
            raise RuntimeError(f"{self.name} has no worker")
        return self.client

    def kill(self) -> None:
        """End the worker, if it runs; it can be opened again."""
        if self.client is not None:
            self.client.kill()
        self.client, self.is_open = None, False
        self.open_settings.clear()

    def drop_setting(self, setting: str) -> None:
        """Close a setting if it is open. Raises ChildFailed."""
        if setting in self.open_settings:
            self.open_settings.remove(setting)
            self.connection.close(setting)

    def may_win(self, max_loss: float) -> bool:
        """Whether its loss lets `choose` take it."""
        return judge(self.name, self.candidate.precision, self.findings.loss, max_loss=max_loss) == "passes"

    def outcome(self, rounds: Sequence[Round], singles: Sequence[Round], block_texts: Sequence[float]) -> Outcome:
        """Everything that is known, given all rounds of throughput and of latency, and each block's worth in texts."""
        left = self.exit
        timing = self._timing(rounds, singles, block_texts)
        if left is None and timing is None:
            left = Exit(name=self.name, status="skipped", reason="skipped: the measurement ended before its turn")
        return Outcome(
            name=self.name,
            status="measured" if left is None else left.status,
            reason="" if left is None else left.reason,
            precision=self.candidate.precision,
            file=self.exported.file,
            settings=self._final_settings,
            timing=timing,
            findings=self.findings,
            export_s=self.exported.export_s,
            size_bytes=self.exported.size_bytes,
            notes=(*self.exported.notes, *self._notes),
            log=None if left is None else left.log,
            untried=None if left is None else left.untried,
            by_length=self.by_length,
            most_moved=self.most_moved,
            reference_path=self.reference_path,
            tried=self.tried,
        )

    @property
    def _final_settings(self) -> RuntimeSettings:
        """Those of the artifact: with batches that fit into the device's memory."""
        settings, limit = self.settings or self.exported.settings, self.peak.batch_limit
        if limit is None:
            return settings
        if self.on_torch:
            return replace(settings, batch_size=min(settings.batch_size or limit, limit))
        return replace(settings, tokens_per_batch=min(settings.tokens_per_batch or limit, limit))

    @property
    def _notes(self) -> tuple[str, ...]:
        """What measuring found out about how it can be run here."""
        if self.peak.batch_limit is None:
            return ()
        unit = "texts" if self.on_torch else "tokens"
        device = self.exported.settings.device
        return (f"The memory of {device} ran out, so batches have at most {self.peak.batch_limit:,} {unit}.",)

    def _timing(self, rounds: Sequence[Round], singles: Sequence[Round], block_texts: Sequence[float]) -> Timing | None:
        by_round = [block_texts[one.block] / one.seconds[self.name] for one in rounds if self.name in one.seconds]
        texts_per_s = estimate([math.log(rate) for rate in by_round])
        speedup = _UNITY if self.name == BASELINE else estimate(log_speed(rounds, self.name, BASELINE))
        if texts_per_s is None:
            if self.findings.s_per_text is None:
                return None
            texts_per_s = Estimate(median=1 / self.findings.s_per_text)
            if self.name != BASELINE:
                ratio = self.findings.probe_speedup
                speedup = None if ratio is None else Estimate(median=ratio)
        return Timing(
            texts_per_s=texts_per_s,
            speedup=speedup,
            peak_rss_bytes=self.peak.rss_bytes,
            rounds=len(by_round),
            latency_ms=self._latency(singles),
            by_round=tuple(by_round),
            against=_against(self.name, rounds, singles),
        )

    def _latency(self, singles: Sequence[Round]) -> Latency | None:
        """The 95th percentile needs 20 values, or it would be an extrapolation."""
        seconds = [value for one in singles for value in one.singles.get(self.name, ())]
        if not seconds:
            return None
        return Latency(
            p50=statistics.median(seconds) * 1e3,
            p95=statistics.quantiles(seconds, n=20, method="inclusive")[-1] * 1e3 if len(seconds) >= 20 else None,
            speedup=_UNITY if self.name == BASELINE else estimate(log_speed(singles, self.name, BASELINE)),
        )


def _against(name: str, rounds: Sequence[Round], singles: Sequence[Round]) -> tuple[Against, ...]:
    """The candidate against each other one, where they share enough rounds for an interval."""
    found = []
    for rival in dict.fromkeys(other for one in (*rounds, *singles) for other in one.seconds if other != name):
        speedup, latency_speedup = (
            _with_interval(estimate(log_speed(each, name, rival))) for each in (rounds, singles)
        )
        if speedup is not None or latency_speedup is not None:
            found.append(Against(rival=rival, speedup=speedup, latency_speedup=latency_speedup))
    return tuple(found)


def _with_interval(found: Estimate | None) -> Estimate | None:
    return found if found is not None and found.ci95 is not None else None
