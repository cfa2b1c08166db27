"""Getting a candidate ready to race: from the journal, or by loading, probing and comparing it."""

from __future__ import annotations

from advisor.labels import LabelledSet
from advisor.measure.contestant import Contestant
from advisor.measure.journal import Basis, Journal, Prepared, identity_of
from advisor.measure.losses import Losses, reference_name
from advisor.measure.pool import Pool
from advisor.measure.race.observer import Exit
from advisor.measure.screening import Screening
from advisor.measure.setup import Run
from advisor.measure.workload.sizes import Sizes
from advisor.measure.workload.workload import full_workload
from advisor.question import Question
from advisor.types import BASELINE, Findings, Untried

_LABELLED_SHARE = 0.03
_LABELLED_S = 4.0
_A_DAY_S = 86_400.0
"""The baseline embeds labelled texts for so much of the time, or for so many seconds at least."""
_EXEMPT_SHARE = 0.5
"""Of the time after the baseline was prepared, for the compared texts of a candidate that is exempt from its limit."""


class Preparation:
    """Prepares candidates, the baseline first: it sizes the workload and gives the embeddings to compare with."""

    def __init__(self, question: Question, run: Run, journal: Journal, pool: Pool) -> None:
        self._question = question
        self._run = run
        self._journal = journal
        self._pool = pool
        self._screening = Screening(question, pool)
        self._losses: Losses | None = None
        self._time_s = question.request.time_budget_s

    @property
    def losses(self) -> Losses:
        """What finds the losses; raises RuntimeError before the baseline is ready."""
        if self._losses is None:
            raise RuntimeError("the baseline has not been prepared")
        return self._losses

    def is_hopeless(self, one: Contestant) -> bool:
        """Whether the journal says that a candidate need not be opened."""
        known = self._journal.prepared(one.exported)
        return known is not None and known.exit is not None and one.name != self._question.pick

    def recall(self, one: Contestant, *, ignore_exit: bool = False) -> bool:
        """Take what the journal holds of a candidate, if that is everything. No worker is opened.

        `ignore_exit=True` races a candidate although the probe rejected it: that it was rejected is then not enough.
        """
        known = self._journal.prepared(one.exported)
        if known is None:
            return False
        left, findings = known.exit, known.findings
        if left is not None and (ignore_exit or not self._screening.still_holds(left)):
            return False
        reference = self._journal.kept(reference_name(one.name), findings.reference_sha256)
        if left is None and reference is None:
            return False
        if one.name == BASELINE and not self._recall_basis(one, known):
            return False
        if not self._is_settled(known):
            return False
        one.findings, one.exit, one.reference_path = findings, left, reference
        one.peak = self._journal.peak(one.name)
        self.losses.write_most_moved(one)
        if left is None:
            self._screening.consider(one)
        return True

    def prepare_baseline(self, one: Contestant, *, time_s: float, num_candidates: int) -> None:
        """Prepare the baseline and make the workload, for so many candidates and so much time. Raises ChildFailed."""
        one.findings = Findings()
        self._pool.load(one)
        self._screening.probe_baseline(one)
        singles = one.connection.latencies(self._pool.workload.probe, timeout_s=self._screening.limit_s)
        sizes = Sizes(
            probe=self._pool.workload.size(self._pool.workload.probe),
            latency_s=sum(singles) / len(singles),
            block_s=self._pool.durations.within(time_s, num_candidates=num_candidates).block_s,
            labelled_chars=self._affordable_chars(one.s_per_text, time_s),
        )
        self._time_s = time_s
        self._use(one, sizes, s_per_text=one.s_per_text)
        self._pool.send(one)
        self.losses.compare(one)
        self._pool.warm_up(one)
        self._keep(one, basis=Basis(sizes=sizes, labelled_sha256=self.losses.labelled_sha256()))

    def prepare(self, one: Contestant, *, time_s: float | None) -> None:
        """Prepare another candidate, in about `time_s`: as many compared texts as decide on its loss, if there is time.

        One that the probe shows to be hopeless, or too slow for the first of these texts, gets an exit; `time_s` None
        exempts it from both. Raises ChildFailed.
        """
        until_s = self._run.elapsed_s() + (_EXEMPT_SHARE * self._time_s if time_s is None else time_s)
        one.findings = Findings()
        self._pool.load(one)
        self._pool.send(one)
        left = self._screening.compare(one)
        if time_s is not None:
            one.exit = left or self._too_slow(one, until_s)
            if one.exit is not None:
                if left is not None:
                    self._keep(one)
                return
        self.losses.compare(one, until_s=until_s)
        self._pool.warm_up(one)
        self._keep(one)
        self._screening.consider(one)

    @property
    def labels(self) -> LabelledSet | None:
        """The labelled data as far as there is time for them; None without any."""
        return self._pool.workload.labels

    def label_warnings(self) -> tuple[str, ...]:
        """What the user should know about the labels."""
        labels = self.labels
        if labels is None:
            return ()
        found = []
        if not self.losses.labels_fit:
            found.append(
                f"labels: {BASELINE} scores next to nothing on {labels.source}, so no loss can be measured on it, and "
                "the losses are estimated: check its columns (--eval-field)."
            )
        if labels.task.num_items < labels.num_items_seen:
            noun = "queries" if labels.kind == "retrieval" else labels.kind
            found.append(
                f"labels: {labels.task.num_items:,} of the {labels.num_items_seen:,} {noun} in {labels.source} were "
                "used, drawn at random: a larger --time-budget allows more."
            )
        return tuple(found)

    def _recall_basis(self, baseline: Contestant, known: Prepared) -> bool:
        if known.basis is None or known.findings.s_per_text is None:
            return False
        self._screening.begin(baseline)
        self._use(baseline, known.basis.sizes, s_per_text=known.findings.s_per_text)
        return self.losses.recall(known.basis)

    def _is_settled(self, known: Prepared) -> bool:
        """Whether its loss needs no more texts; in a finished measurement it is the answer to the same command."""
        same_budget = known.max_loss == self._question.request.max_loss
        return (self._journal.finished and same_budget) or self.losses.is_settled(known.findings.loss)

    def _use(self, baseline: Contestant, sizes: Sizes, *, s_per_text: float) -> None:
        durations = self._pool.durations
        self._pool.use(full_workload(self._question, sizes, s_per_text=s_per_text, durations=durations))
        factor = sizes.latency_s / s_per_text
        self._losses = Losses(
            self._question, self._run, self._journal, self._pool, baseline=baseline, alone_factor=factor
        )

    def _keep(self, one: Contestant, *, basis: Basis | None = None) -> None:
        self._journal.keep(
            Prepared(
                name=one.name,
                identity=identity_of(one.exported),
                findings=one.findings,
                exit=one.exit,
                max_loss=self._question.request.max_loss,
                basis=basis,
            )
        )

    def _too_slow(self, one: Contestant, until_s: float) -> Exit | None:
        needed_s = self.losses.needed_s(one)
        if self._run.elapsed_s() + needed_s <= until_s:
            return None
        reason = f"skipped: embedding the texts would take it {needed_s:.0f} s, more than the time budget leaves"
        return Exit(name=one.name, status="skipped", reason=reason, untried=Untried(needs_s=None))

    def _affordable_chars(self, s_per_text: float, time_s: float) -> int | None:
        if self._question.labels is None:
            return None
        texts = self._question.texts
        mean_chars = max(1.0, sum(map(len, texts)) / len(texts))
        seconds = max(_LABELLED_S, _LABELLED_SHARE * min(time_s, _A_DAY_S))
        return max(1, round(seconds / s_per_text * mean_chars))
