"""One candidate on its way through the measurement: what was found out about it so far."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from advisor import catalogue
from advisor.errors import ChildFailed
from advisor.gate import judge
from advisor.measure.client import Client, Load
from advisor.measure.pace import Pace
from advisor.measure.race import Exit
from advisor.measure.result import Measured
from advisor.measure.rounds import Round, estimate, log_speed
from advisor.types import (
    BASELINE,
    Against,
    Drift,
    Estimate,
    Exported,
    Fidelity,
    Latency,
    LengthSpeed,
    ModelProfile,
    RuntimeSettings,
    Timing,
    TriedSetting,
)

_UNITY = Estimate(median=1.0, ci95=(1.0, 1.0))


@dataclass(slots=True, kw_only=True)
class Contestant:
    """Mutable, and never leaves this room: `measured` is what does."""

    exported: Exported
    candidate: catalogue.Candidate
    model: ModelProfile
    client: Client | None = None
    load: Load | None = None
    probe_s_per_text: float | None = None
    probe_speedup: float | None = None
    loss: Fidelity | None = None
    estimated: Fidelity | None = None
    """The loss without labels, where `loss` is labelled."""
    drift: Drift | None = None
    most_moved: Path | None = None
    """The file with the texts that moved most."""
    reference_path: Path | None = None
    peak_rss_bytes: int | None = None
    settings: RuntimeSettings | None = None
    """Those that tuning kept, None for the export's own."""
    batch_limit: int | None = None
    """Tokens (texts in PyTorch) in a batch, where the device's memory was too small for what was set."""
    open_settings: set[str] = field(default_factory=set)
    """Names of the settings that are open in the worker beside its own."""
    tried: tuple[TriedSetting, ...] = ()
    by_length: tuple[LengthSpeed, ...] = ()
    exit: Exit | None = None
    broken: ChildFailed | None = None
    """What ended a worker that was started ahead of its turn."""

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name

    @property
    def connection(self) -> Client:
        """The worker; raises RuntimeError if it is not running."""
        if self.client is None:
            raise RuntimeError(f"{self.name} has no worker")
        return self.client

    def open_setting(self, setting: str, settings: RuntimeSettings, pace: Pace) -> bool:
        """Open the files with other settings beside the candidate's own; False if they are open. Raises ChildFailed."""
        if setting in self.open_settings:
            return False
        self.connection.load(
            self.model, self.candidate.runtime, timeout_s=pace.load_timeout_s, setting=setting, settings=settings
        )
        self.open_settings.add(setting)
        return True

    def drop_setting(self, setting: str) -> None:
        """Close a setting if it is open."""
        if setting in self.open_settings:
            self.open_settings.remove(setting)
            self.connection.close(setting)

    @property
    def final_settings(self) -> RuntimeSettings:
        """Those of the artifact: with batches that fit into the device's memory."""
        settings = self.settings or self.exported.settings
        if self.batch_limit is None:
            return settings
        if self.candidate.runtime == "torch":
            return replace(settings, batch_size=min(settings.batch_size or self.batch_limit, self.batch_limit))
        return replace(settings, tokens_per_batch=min(settings.tokens_per_batch or self.batch_limit, self.batch_limit))

    @property
    def notes(self) -> tuple[str, ...]:
        """What measuring found out about how it can be run here."""
        if self.batch_limit is None:
            return ()
        unit = "texts" if self.candidate.runtime == "torch" else "tokens"
        device = self.exported.settings.device
        return (f"The memory of {device} ran out, so batches have at most {self.batch_limit:,} {unit}.",)

    def may_win(self, max_loss: float) -> bool:
        """Whether its loss lets `choose` take it."""
        return judge(self.name, self.candidate.precision, self.loss, max_loss=max_loss) == "passes"

    def measured(self, rounds: Sequence[Round], singles: Sequence[Round], block_texts: Sequence[float]) -> Measured:
        """Everything that is known, given all rounds of throughput and of latency, and each block's worth in texts."""
        left = self.exit
        timing = self._timing(rounds, singles, block_texts)
        if left is None and timing is None:
            left = Exit(name=self.name, status="skipped", reason="skipped: the measurement ended before its turn")
        return Measured(
            name=self.name,
            status="measured" if left is None else left.status,
            reason="" if left is None else left.reason,
            timing=timing,
            loss=self.loss,
            estimated=self.estimated,
            drift=self.drift,
            most_moved=self.most_moved,
            log=None if left is None else left.log,
            cut_by=None if left is None else left.rival,
            reference_path=self.reference_path,
            import_s=None if self.load is None else self.load.import_s,
            load_s=None if self.load is None else self.load.load_s,
            settings=self.final_settings,
            notes=self.notes,
            tried=self.tried,
            by_length=self.by_length,
        )

    def _timing(self, rounds: Sequence[Round], singles: Sequence[Round], block_texts: Sequence[float]) -> Timing | None:
        by_round = [block_texts[one.block] / one.seconds[self.name] for one in rounds if self.name in one.seconds]
        rates = [math.log(rate) for rate in by_round]
        texts_per_s = estimate(rates)
        speedup = _UNITY if self.name == BASELINE else estimate(log_speed(rounds, self.name, BASELINE))
        if texts_per_s is None:
            if self.probe_s_per_text is None:
                return None
            texts_per_s = Estimate(median=1 / self.probe_s_per_text)
            if self.name != BASELINE:
                speedup = None if self.probe_speedup is None else Estimate(median=self.probe_speedup)
        p50, p95 = _percentiles_ms([value for one in singles for value in one.singles.get(self.name, ())])
        quicker = None if p50 is None else estimate(log_speed(singles, self.name, BASELINE))
        return Timing(
            texts_per_s=texts_per_s,
            speedup=speedup,
            latency_ms=None
            if p50 is None
            else Latency(p50=p50, p95=p95, speedup=_UNITY if self.name == BASELINE else quicker),
            peak_rss_bytes=self.peak_rss_bytes,
            rounds=len(rates),
            by_round=tuple(by_round),
            against=_against(self.name, rounds, singles),
        )


def _against(name: str, rounds: Sequence[Round], singles: Sequence[Round]) -> tuple[Against, ...]:
    """The candidate beside each other one, where they share enough rounds for an interval."""
    found = []
    for rival in dict.fromkeys(other for one in (*rounds, *singles) for other in one.seconds if other != name):
        speedup, latency_speedup = (estimate(log_speed(each, name, rival)) for each in (rounds, singles))
        pair = Against(
            rival=rival,
            speedup=speedup if speedup is not None and speedup.ci95 is not None else None,
            latency_speedup=latency_speedup
            if latency_speedup is not None and latency_speedup.ci95 is not None
            else None,
        )
        if pair.speedup is not None or pair.latency_speedup is not None:
            found.append(pair)
    return tuple(found)


def _percentiles_ms(seconds: Sequence[float]) -> tuple[float | None, float | None]:
    """The 50th and 95th percentile; the 95th needs 20 values, or it would be an extrapolation."""
    if not seconds:
        return None, None
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) >= 20 else None
    return statistics.median(seconds) * 1e3, None if p95 is None else p95 * 1e3
