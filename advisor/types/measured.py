"""What was measured of a candidate: its speed and its loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.codec import HIDDEN, Positive
from advisor.types.files import RuntimeSettings
from advisor.types.words import LossMethod, Similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A median with its 95 % confidence interval (None where there are too few rounds for one)."""

    median: float
    ci95: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A candidate beside another one, in the rounds that both ran: above 1 where it was faster than `rival`.

    None where they share fewer than 3 rounds.
    """

    rival: str
    speedup: Estimate | None
    latency_speedup: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds of a single text."""

    p50: float
    p95: float | None = None
    """None where there are too few texts for it."""
    speedup: Estimate | None = None
    """The baseline's median latency over this one's, paired in rounds of single texts: 2 halves the latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What the rounds gave; for a candidate that never raced, what the probe gave, without rounds and intervals."""

    texts_per_s: Estimate
    speedup: Estimate | None
    peak_rss_bytes: int | None
    rounds: int
    latency_ms: Latency | None = None
    by_round: tuple[float, ...] = ()
    """Texts a second in each round of throughput, in order."""
    against: tuple[Against, ...] = ()
    """Beside each other candidate, the baseline included."""

    @property
    def latency_p50_ms(self) -> float | None:
        """Median latency in milliseconds."""
        return None if self.latency_ms is None else self.latency_ms.p50

    @property
    def latency_p95_ms(self) -> float | None:
        """95th percentile of the latency in milliseconds."""
        return None if self.latency_ms is None else self.latency_ms.p95

    @property
    def latency_speedup(self) -> Estimate | None:
        """How many times lower the latency is than the baseline's."""
        return None if self.latency_ms is None else self.latency_ms.speedup


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortened:
    """What predictions rest on: the times of two copies of the model that keep only its first layers."""

    depths: tuple[int, int]
    """How many layers the copies keep."""
    num_layers: int
    """Of the whole model."""

    @property
    def origin(self) -> str:
        """`predicted from 1 and 3 of 12 layers`."""
        return "predicted from {} and {} of {} layers".format(*self.depths, self.num_layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted(Shortened):
    """A candidate's speed as it was predicted. It was not measured, and no report may show it as if it were."""

    speedup: float
    """The baseline's predicted time over this candidate's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenCheck(Shortened):
    """How well the predictions of a run held, by the one time that is both predicted and measured: the baseline's."""

    baseline_error: float
    """How much the baseline's predicted time missed its measured one: 0.03 is 3 % too long, -0.03 is 3 % too short."""
    fell_back: str | None = None
    """Why the predictions were not used, as a sentence without its full stop; None where they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untried:
    """A candidate can run here, and was left out because the time was over or the user stopped the run.

    It could have won, so that no verdict covers it.
    """

    needs_s: Positive | None
    """About how many seconds trying it takes; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthSpeed:
    """Speed on those texts alone that have `min_chars` to `max_chars` characters (None: no upper end)."""

    min_chars: int
    max_chars: int | None
    share: float
    """Of the sampled texts."""
    texts_per_s: Estimate
    speedup: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSetting:
    """Another way to run the same file, timed against the candidate's default settings."""

    label: str
    """What differs, for people: `2 streams`."""
    settings: RuntimeSettings
    speedup: Estimate
    """Over the default settings, in the objective's terms."""
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """A relative accuracy loss against the baseline: 0.004 is 0.4 %. May be slightly negative when labelled."""

    value: float
    ci95: tuple[float, float] | None
    method: LossMethod
    metric: str
    score: float | None = None
    """The candidate's own figure on the labels, in the metric's unit; None where the loss is estimated."""
    baseline_score: float | None = None
    by: Similarity | None = None
    """By what similarity of embeddings; None for scores, and where it was not noted (the cosine, then)."""
    num_texts: int | None = None
    """Texts (pairs, of a cross-encoder) that it was estimated or checked on; None on labels, and in old documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthLoss:
    """The estimated loss on pairs with a text of `min_chars` to `max_chars` characters (None: no upper end)."""

    min_chars: int
    max_chars: int | None
    share: float
    """Of the compared texts."""
    value: float
    ci95: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How far a candidate's embeddings are from the baseline's, in figures that need no statistics."""

    num_texts: int
    """Distinct texts that were compared."""
    top10_overlap: float
    """The mean share of a text's 10 nearest neighbours that stay among its 10 nearest."""
    top10_overlap_p05: float
    """19 of 20 texts keep at least this share."""
    cosine_median: float
    """Between the baseline's and the candidate's embedding of the same text."""
    cosine_min: float
    batch_cosine_min: float | None = None
    """Between a text's embeddings in a batch and alone, the lowest; None where it was not tried."""
    mixed: Fidelity | None = None
    """The estimated loss where half of the stored vectors are still the baseline's, and queries are the candidate's."""
    by_length: tuple[LengthLoss, ...] = ()
    most_moved: tuple[int, ...] = field(default=(), metadata=HIDDEN)
    """Which texts have the lowest cosine, by their place among the compared ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What getting a candidate ready found. It is found once, kept in the journal, and reported as it is.

    A value is None where it is not known: the candidate left before that.
    """

    import_s: float | None = None
    """Importing the runtime."""
    load_s: float | None = None
    """Opening the files and embedding one text, without the runtime's import."""
    s_per_text: Positive | None = None
    """Seconds a text in the probe, in a batch."""
    probe_speedup: float | None = None
    """Over the baseline, where both were probed in turns."""
    loss: Fidelity | None = None
    estimated_loss: Fidelity | None = None
    """The loss without labels, where `loss` is labelled."""
    drift: Drift | None = None
    """None where no compared texts were embedded: the loss is checked, then."""
    reference_sha256: str | None = None
    """Of the file with the embeddings of the reference texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What the model's first layers foretold, of each candidate that could be cut and timed."""

    check: ScreenCheck
    predicted: Mapping[str, Predicted]
    export_s: Mapping[str, float]
    """About how many seconds making the whole files takes; of candidates whose files were made."""
