"""The workers of a measurement. Each is opened when it is first needed, which may be never: see the journal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from advisor.errors import ChildFailed
from advisor.measure.contestant import Contestant
from advisor.measure.setup import Run, Seams
from advisor.measure.workers.client import Client, Peak
from advisor.measure.workload.workload import Workload
from advisor.question import Question
from advisor.types import Exported, RuntimeSettings

_WARM_UP_S = 1.0
"""Of untimed laps before the race. A slow candidate, PyTorch first of all, has no shapes to prepare for."""


class Pool:
    """Opens, warms up and ends workers; knows the workload that they hold.

    `wanted` names the candidates that will be needed, as far as that is known when the first worker is opened.
    """

    def __init__(
        self, question: Question, run: Run, seams: Seams, *, wanted: Callable[[], Sequence[Contestant]] = lambda: ()
    ) -> None:
        self.durations = seams.durations
        self.workload = Workload(batches=((),))
        self._model = question.model
        self._run = run
        self._seams = seams
        self._wanted = wanted
        self._texts = run.work_dir / "texts.json"
        self._begun = False

    def use(self, workload: Workload) -> None:
        """What workers hold that are opened from here on; `send` gives it to one that is open."""
        self.workload = workload
        self._texts.write_text(json.dumps(workload.batches), encoding="utf-8")

    def send(self, one: Contestant) -> None:
        """Give an open worker the workload. Raises ChildFailed."""
        one.connection.texts(self._texts)

    def load(self, one: Contestant) -> None:
        """Start the worker, if it was not started ahead, and let it load the files. Raises ChildFailed."""
        if not self._begun:
            self._begun = True
            self._import_ahead(self._wanted())
        if one.broken is not None:
            raise one.broken
        client = one.client or self._start(one)
        load = client.load(self._model, one.candidate.runtime, timeout_s=self.durations.load_timeout_s)
        one.is_open = True
        if one.findings.load_s is None:  # later the machine does other things, too
            one.findings = replace(one.findings, import_s=load.import_s, load_s=load.load_s)

    def ready(self, one: Contestant) -> None:
        """Open the worker and warm it up, if it is not open. Raises ChildFailed."""
        if not one.is_open:
            self.load(one)
            self.send(one)
            self.warm_up(one)

    def ready_setting(
        self,
        one: Contestant,
        setting: str,
        *,
        settings: RuntimeSettings | None = None,
        files: Exported | None = None,
    ) -> None:
        """The same for the candidate with other settings, or with other files, which are named `setting`."""
        self.ready(one)
        if setting in one.open_settings:
            return
        limit_s = self.durations.load_timeout_s
        one.connection.load(
            self._model, one.candidate.runtime, timeout_s=limit_s, setting=setting, settings=settings, files=files
        )
        one.open_settings.add(setting)
        for block in self.workload.blocks:
            one.connection.time_blocks([block], wake=None, timeout_s=limit_s, setting=setting)

    def warm_up(self, one: Contestant) -> None:
        """One untimed lap over each block, until `_WARM_UP_S` are spent: runtimes prepare for each new shape."""
        spent_s = 0.0
        for block in self.workload.blocks:
            limit_s = self.durations.timeout_s(self.workload.size(*block), one.s_per_text)
            spent_s += one.connection.time_blocks([block], wake=None, timeout_s=limit_s)[0]
            if spent_s >= _WARM_UP_S:
                break

    def read_peak(self, one: Contestant) -> Peak | None:
        """The worker's peak memory so far; None where it is not open, or settings that were not kept have raised it."""
        if not one.is_open or (one.tried and one.settings is None):
            return None
        with contextlib.suppress(ChildFailed):
            usage = one.connection.usage()
            one.peak = Peak(rss_bytes=usage.peak_rss_bytes, batch_limit=usage.batch_limit)
            return one.peak
        return None

    def close(self) -> None:
        """End what workers are forked from; end the workers before. Safe to call twice."""
        if self._run.torch is not None:
            self._run.torch.close()

    def _import_ahead(self, wanted: Sequence[Contestant]) -> None:
        """Start the workers of `wanted` side by side, where memory allows, and wait until each has its runtime.

        PyTorch takes seconds to import, on one core. Where processes can be forked it is imported once for all workers
        that need it, while the others import theirs on the other cores. An import that failed is reported when the
        candidate's turn comes.
        """
        on_torch = [one for one in wanted if one.on_torch]
        fit = self._seams.memory
        together = next((ones for ones in (wanted, on_torch) if fit.holds(ones, self._model)), [])
        torch, limit_s = self._run.torch, self.durations.load_timeout_s
        if torch is not None and sum(one.on_torch for one in together) > 1:
            torch.begin()
        forked = torch is not None and torch.begun
        alone = [one for one in together if not (forked and one.on_torch)]
        for one in alone:
            with contextlib.suppress(ChildFailed):  # it is reported when the candidate's turn comes
                self._start(one).begin_import(one.candidate.runtime)
        if torch is not None and forked:
            torch.server(timeout_s=limit_s)
        for one in alone:
            if one.client is not None:
                try:
                    one.client.settle(timeout_s=limit_s)
                except ChildFailed as error:
                    one.kill()
                    one.broken = error

    def _start(self, one: Contestant) -> Client:
        torch = self._run.torch if one.on_torch else None
        server = None
        if torch is not None and torch.begun:
            server = torch.server(timeout_s=self.durations.load_timeout_s)
        one.client = Client(
            one.exported,
            log=self._run.log_dir / f"{one.name}.log",
            module=self._seams.worker_module,
            server=server,
            import_s=None if server is None or torch is None else torch.import_s,
        )
        return one.client
