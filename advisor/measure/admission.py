"""Getting a candidate ready to race: load it, probe it, compare its embeddings, warm it up."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from advisor.child.forking import Preload
from advisor.errors import ChildFailed
from advisor.files import sha256_of
from advisor.labels import LabelledSet, cut_to
from advisor.measure.client import Client
from advisor.measure.comparing import Comparing, reference_name
from advisor.measure.contestant import Contestant
from advisor.measure.journal import Admitted, Journal, identity_of
from advisor.measure.pace import Pace
from advisor.measure.plan import Plan, compared_texts, first_plan, full_plan
from advisor.measure.race import Exit, slower
from advisor.measure.sizes import FIRST_PROBE, Sizes, compared_size, first_probe_size, probe_size
from advisor.types import BASELINE, ModelProfile, ObjectiveName, Request

_HOPELESS: dict[ObjectiveName, float] = {"throughput": 2.0, "latency": 2.0, "memory": 20.0}
"""A candidate that is this many times slower than the baseline in the probe is not raced: the baseline is in the race
anyway. Where memory counts, a slow one may still be wanted."""

_BEATEN = 2.0
"""With the objective `throughput`, one that is this many times slower in the probe than the fastest so far that may win
is not raced either."""

_PROBE_LAPS = 2
_PROBE_TURNS = 2

_WARM_UP_S = 1.0
"""The slow ones, PyTorch first of all, have no shapes to prepare for."""

_LABELLED_SHARE = 0.12
_LABELLED_S = 4.0
_A_DAY_S = 86_400.0
"""The baseline embeds labelled texts for so much of the time, or for so many seconds at least."""


class Admission:
    """Prepares candidates, the baseline first: it sizes the plan and gives the embeddings to compare with."""

    def __init__(
        self,
        *,
        model: ModelProfile,
        texts: Sequence[str],
        reference_texts: Sequence[str],
        request: Request,
        log_dir: Path,
        work_dir: Path,
        journal: Journal,
        worker_module: str,
        torch: Preload | None,
        pace: Pace,
        labels: LabelledSet | None = None,
    ) -> None:
        self._model = model
        self._texts = texts
        self._reference_texts = reference_texts
        self._request = request
        self._log_dir = log_dir
        self._work_dir = work_dir
        self._journal = journal
        self._worker_module = worker_module
        self._torch = torch
        self._pace = pace
        self._baseline: Contestant | None = None
        self._fastest: Contestant | None = None
        """By the probe, of those that may win."""
        self._all_labels = labels
        self._labelled_chars: int | None = None
        self._comparing: Comparing | None = None
        self.plan = Plan(path=work_dir / "texts.json", sizes=())

    def recall(self, contestant: Contestant, *, spare: bool = False) -> bool:
        """Take what the journal knows of a candidate, if that is everything; the baseline, which makes the plan, first.

        Nothing is started: `reopen` does that, where rounds are still to be run. With `spare` a hopeless one is to be
        raced all the same, and counts as not known.
        """
        known = self._journal.admitted(contestant.exported)
        if known is None or (known.exit is not None and (spare or not self._is_in(known.exit.rival))):
            return False
        if known.exit is None:
            contestant.reference_path = self._journal.kept(reference_name(known.name), known.reference_sha256)
            if contestant.reference_path is None:
                return False
        if known.name == BASELINE:
            if known.latency_s is None or known.block_s is None or known.sizes is None:
                return False
            self._pace = replace(self._pace, block_s=known.block_s)
            self._labelled_chars = known.labelled_chars
            self._baseline = contestant
            self._make_plan(known.s_per_text, known.latency_s, known.sizes)
            if not self.comparing.recall(known):
                return False
        contestant.probe_s_per_text = known.s_per_text
        contestant.probe_speedup = known.probe_speedup
        contestant.load = known.load
        contestant.loss, contestant.estimated, contestant.drift = known.loss, known.estimated, known.drift
        contestant.exit = known.exit
        self.comparing.tell_most_moved(contestant)
        if known.exit is None and known.name != BASELINE:
            self._consider(contestant)
        return True

    def _is_in(self, rival: str | None) -> bool:
        """Whether what another lost to in the probe is still the one to beat: who is here, and may win."""
        fastest = self._to_beat()
        return rival == BASELINE or (fastest is not None and rival == fastest.name)

    def _to_beat(self) -> Contestant | None:
        """The fastest that may win, unless it failed since."""
        gone = self._fastest is None or (self._fastest.exit is not None and self._fastest.exit.status != "cut")
        return None if gone else self._fastest

    def reopen(self, contestant: Contestant) -> None:
        """Start and warm up a candidate that was recalled. Raises ChildFailed."""
        load = contestant.load
        client = self._open(contestant)
        contestant.load = load  # of the first time, when the machine did nothing else
        client.texts(self.plan.path)
        self._warm_up(contestant)

    def admit_baseline(self, contestant: Contestant, *, time_s: float, num_candidates: int) -> None:
        """Prepare the baseline and make the plan, for so many candidates and so much time. Raises ChildFailed."""
        self._pace = self._pace.within(time_s, num_candidates=num_candidates)
        self._baseline = contestant
        client = self._open(contestant)
        seconds_per_text = self._first_probe(contestant, client)
        singles = client.latencies(self.plan.probe, timeout_s=self._probe_limit_s)
        latency_s = sum(singles) / len(singles)
        sizes = Sizes(probe=self._num_probed, compared=compared_size(seconds_per_text, time_s=time_s))
        self._labelled_chars = self._affordable_chars(seconds_per_text, time_s)
        self._make_plan(seconds_per_text, latency_s, sizes)
        client.texts(self.plan.path)
        self.comparing.compare(contestant)
        self._warm_up(contestant)
        self._note(contestant, latency_s=latency_s, sizes=sizes)

    def admit(self, contestant: Contestant, *, time_s: float | None) -> None:
        """Prepare another candidate. One that the probe shows to be hopeless, or too slow to embed the compared texts
        in `time_s`, gets an exit; `time_s` None spares it both.

        Raises ChildFailed.
        """
        client = self._open(contestant)
        client.texts(self.plan.path)
        hopeless = self._compare_speed(contestant, client)
        if time_s is not None:
            contestant.exit = hopeless or self._too_slow(contestant, time_s)
            if contestant.exit is not None:
                if hopeless is not None:
                    self._note(contestant)
                return
        self.comparing.compare(contestant)
        self._warm_up(contestant)
        self._note(contestant)
        self._consider(contestant)

    def _consider(self, contestant: Contestant) -> None:
        """Whether this is the one to beat from here on."""
        fastest = self._to_beat()
        best_s = None if fastest is None else fastest.probe_s_per_text
        if contestant.may_win(self._request.max_loss) and (
            best_s is None or (contestant.probe_s_per_text or 0.0) < best_s
        ):
            self._fastest = contestant

    @property
    def comparing(self) -> Comparing:
        """What finds the losses; raises RuntimeError before the baseline is ready."""
        if self._comparing is None:
            raise RuntimeError("the baseline has not been prepared")
        return self._comparing

    @property
    def labels(self) -> LabelledSet | None:
        """The labelled data as far as there was time for them; None without any."""
        return None if self._comparing is None else self._comparing.labels

    def label_warnings(self) -> tuple[str, ...]:
        """What the user should know about the labels."""
        labels = self.labels
        if labels is None:
            return ()
        found = []
        if not self.comparing.labels_fit:
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

    def _affordable_chars(self, seconds_per_text: float, time_s: float) -> int | None:
        if self._all_labels is None:
            return None
        mean_chars = max(1.0, sum(map(len, self._texts)) / len(self._texts))
        seconds = max(_LABELLED_S, _LABELLED_SHARE * min(time_s, _A_DAY_S))
        return max(1, round(seconds / seconds_per_text * mean_chars))

    def _make_plan(self, seconds_per_text: float, latency_s: float, sizes: Sizes) -> None:
        seed = self._request.seed
        labels = self._all_labels
        if labels is not None and self._labelled_chars is not None:
            labels = cut_to(labels, max_chars=self._labelled_chars, seed=seed)
        self.plan = full_plan(
            self._texts,
            self._reference_texts,
            seconds_per_text=seconds_per_text,
            latency_s=latency_s,
            sizes=sizes,
            pace=self._pace,
            path=self.plan.path,
            seed=seed,
            labels=labels,
        )
        self._comparing = Comparing(
            plan=self.plan,
            compared=compared_texts(self._texts, num_texts=sizes.compared, seed=seed),
            alone_factor=latency_s / seconds_per_text,
            labels=labels,
            journal=self._journal,
            work_dir=self._work_dir,
            log_dir=self._log_dir,
            pace=self._pace,
            seed=seed,
            model=self._model,
        )

    def _note(self, contestant: Contestant, *, latency_s: float | None = None, sizes: Sizes | None = None) -> None:
        """Put into the journal what was found out."""
        assert contestant.load is not None  # it was opened
        assert contestant.probe_s_per_text is not None  # and probed
        reference = contestant.reference_path
        is_baseline = contestant.name == BASELINE
        compared, labelled = self.comparing.sha256() if is_baseline else (None, None)
        self._journal.admit(
            Admitted(
                name=contestant.name,
                identity=identity_of(contestant.exported),
                s_per_text=contestant.probe_s_per_text,
                latency_s=latency_s,
                block_s=self._pace.block_s if is_baseline else None,
                sizes=sizes,
                probe_speedup=contestant.probe_speedup,
                load=contestant.load,
                loss=contestant.loss,
                exit=contestant.exit,
                compared_sha256=compared,
                reference_sha256=None if reference is None else sha256_of(reference),
                estimated=contestant.estimated,
                drift=contestant.drift,
                labelled_sha256=labelled,
                labelled_chars=self._labelled_chars if is_baseline else None,
            )
        )

    def import_ahead(self, contestants: Sequence[Contestant]) -> None:
        """Start the workers of `contestants` side by side and wait until each has imported its runtime.

        PyTorch takes seconds to import, on one core: where processes can be forked it is imported once for all workers
        that need it, while the others import theirs on the other cores. An import that failed is told when the
        candidate's turn comes.
        """
        num_on_torch = sum(one.candidate.runtime == "torch" for one in contestants)
        if self._torch is not None and num_on_torch > 1:
            self._torch.begin()
        forked = self._torch is not None and self._torch.begun
        alone = [one for one in contestants if not forked or one.candidate.runtime != "torch"]
        for contestant in alone:
            with contextlib.suppress(ChildFailed):  # it is told when the candidate's turn comes
                self._start(contestant).begin_import(contestant.candidate.runtime)
        if self._torch is not None and self._torch.begun:
            self._torch.server(timeout_s=self._pace.load_timeout_s)
        for contestant in alone:
            if contestant.client is not None:
                try:
                    contestant.client.settle(timeout_s=self._pace.load_timeout_s)
                except ChildFailed as error:
                    contestant.client.kill()
                    contestant.client = None
                    contestant.broken = error

    def close(self) -> None:
        """End what workers are forked from; end the workers before. Safe to call twice."""
        if self._torch is not None:
            self._torch.close()

    def _start(self, contestant: Contestant) -> Client:
        torch = self._torch if contestant.candidate.runtime == "torch" else None
        server = None if torch is None or not torch.begun else torch.server(timeout_s=self._pace.load_timeout_s)
        contestant.client = Client(
            contestant.exported,
            log=self._log_dir / f"{contestant.name}.log",
            module=self._worker_module,
            server=server,
            import_s=None if server is None or torch is None else torch.import_s,
        )
        return contestant.client

    def _open(self, contestant: Contestant) -> Client:
        if contestant.broken is not None:
            raise contestant.broken
        client = contestant.client or self._start(contestant)
        contestant.load = client.load(self._model, contestant.candidate.runtime, timeout_s=self._pace.load_timeout_s)
        return client

    def _compare_speed(self, contestant: Contestant, client: Client) -> Exit | None:
        """Probe the candidate; an exit if it is hopeless beside the baseline, or beside the fastest that may win.

        If it looks so, both are probed again in turns, with the baseline, and the best of each counts: the machine may
        have been busy.
        """
        assert self._baseline is not None  # admitted first
        num_laps = _PROBE_LAPS if self._num_probed > FIRST_PROBE else 1  # as the baseline
        seconds = self._probe(client, num_laps=num_laps, limit_s=self._probe_limit_s)
        contestant.probe_s_per_text = seconds / self._num_probed
        rivals = [(self._baseline, _HOPELESS[self._request.objective])]
        fastest = self._to_beat()
        if self._request.objective == "throughput" and fastest is not None and fastest.client is not None:
            rivals.append((fastest, _BEATEN))
        for rival, limit in rivals:
            left = self._compare_with(rival, contestant, client, seconds=seconds, limit=limit)
            if left is not None:
                return left
        return None

    def _compare_with(
        self, rival: Contestant, contestant: Contestant, client: Client, *, seconds: float, limit: float
    ) -> Exit | None:
        if seconds <= limit * (rival.probe_s_per_text or 0.0) * self._num_probed:
            return None
        assert self._baseline is not None  # admitted first
        laps = [seconds]
        others = {each.name: each for each in (rival, self._baseline)}
        laps_of: dict[str, list[float]] = {name: [] for name in others}
        for _ in range(_PROBE_TURNS):
            for other in others.values():
                try:
                    laps_of[other.name].append(self._probe_again(other.connection))
                except ChildFailed as error:  # not this candidate's fault
                    reason = f"failed while parked: {error.message}"
                    other.exit = Exit(name=other.name, status="failed", reason=reason, log=error.log)
                    return None
            laps.append(self._probe_again(client))
        ratio = min(laps) / min(laps_of[rival.name])
        contestant.probe_s_per_text = min(laps) / self._num_probed
        # The baseline's own probe is of another moment, when the machine may have been slower or faster.
        contestant.probe_speedup = min(laps_of[BASELINE]) / min(laps)
        if ratio <= limit:
            return None
        reason = f"cut after the probe: {slower(ratio)} than {rival.name}"
        return Exit(name=contestant.name, status="cut", reason=reason, rival=rival.name)

    def _too_slow(self, contestant: Contestant, time_s: float) -> Exit | None:
        needed_s = self.comparing.worth_texts(contestant) * (contestant.probe_s_per_text or 0.0)
        if needed_s <= time_s:
            return None
        reason = f"skipped: embedding the texts would take it {needed_s:.0f} s, more than the time budget leaves"
        return Exit(name=contestant.name, status="skipped", reason=reason)

    @property
    def _num_probed(self) -> int:
        return self.plan.sizes[self.plan.probe]

    def _first_probe(self, baseline: Contestant, client: Client) -> float:
        """How many seconds a text takes: of few of them, and where that is soon done of more."""
        num_texts = first_probe_size(baseline.exported.settings.device)
        self.plan = first_plan(self._texts, path=self.plan.path, num_texts=num_texts)
        client.texts(self.plan.path)
        seconds = self._probe(client, num_laps=1, limit_s=self._pace.load_timeout_s) / num_texts
        baseline.probe_s_per_text = seconds
        more = probe_size(seconds, device=baseline.exported.settings.device)
        if more > num_texts:
            self.plan = first_plan(self._texts, path=self.plan.path, num_texts=more)
            client.texts(self.plan.path)
            seconds = self._probe(client, num_laps=_PROBE_LAPS, limit_s=self._probe_limit_s) / more
            baseline.probe_s_per_text = seconds
        return seconds

    @property
    def _probe_limit_s(self) -> float:
        """How long the probe may take, by the baseline's speed."""
        assert self._baseline is not None  # it is probed first
        foretold_s = self._pace.timeout_s((1 + _PROBE_LAPS) * self._num_probed, self._baseline.probe_s_per_text)
        return max(self._pace.probe_timeout_s, foretold_s)

    def _probe(self, client: Client, *, num_laps: int, limit_s: float) -> float:
        """The best of some laps over the probe's texts, after one that warms up."""
        probe = self.plan.probe
        return min(client.time_blocks([[probe]] * num_laps, wake=probe, timeout_s=limit_s))

    def _probe_again(self, client: Client) -> float:
        """One more lap; both are as warm as the probe has left them."""
        (seconds,) = client.time_blocks([[self.plan.probe]], wake=None, timeout_s=self._probe_limit_s)
        return seconds

    def _warm_up(self, contestant: Contestant) -> None:
        """One untimed lap over each block, until `_WARM_UP_S` are spent: runtimes prepare for each new shape."""
        spent_s = 0.0
        for block, num_texts in zip(self.plan.blocks, self.plan.block_sizes, strict=True):
            limit_s = self._pace.timeout_s(num_texts, contestant.probe_s_per_text)
            spent_s += contestant.connection.time_blocks([block], wake=None, timeout_s=limit_s)[0]
            if spent_s >= _WARM_UP_S:
                break
