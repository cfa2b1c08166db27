"""What a measurement has found so far, on disk: an interrupted one goes on, a repeated one need not be run again.

A folder for each key (model, texts, machine, versions, threads, seed) holds `journal.jsonl`. Every prepared candidate
and every finished round is appended to it as one line with its own checksum; a few embeddings lie in the same folder.
The first line that does not match its checksum ends what is read, and embeddings must have the hash that their line
names. So what is damaged is measured again, and never trusted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from advisor.codec import from_json, to_json
from advisor.export.holding import release, try_alone
from advisor.files import sha256_of
from advisor.measure.race.observer import Exit
from advisor.measure.race.rounds import Round
from advisor.measure.workers.client import Peak
from advisor.measure.workload.sizes import Sizes
from advisor.paths import JOURNAL, ROUNDS
from advisor.question import Question
from advisor.types import Exported, Findings, Screened

_FORMAT = 7
"""Raised whenever other things are timed, or timed in another way, or when lines are written otherwise."""

_DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the baseline's preparation settled for all candidates."""

    sizes: Sizes
    labelled_sha256: str | None = None
    """Of the embeddings of the labelled texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A candidate that was made ready for the race, or left before it."""

    name: str
    identity: str
    """Of the files that it was prepared with."""
    findings: Findings
    exit: Exit | None = None
    max_loss: float | None = None
    """The loss budget that decided on how many texts the loss was estimated."""
    basis: Basis | None = None
    """Of the baseline; None for all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Portion:
    """The baseline has embedded a portion of the compared texts."""

    index: int
    """From 0."""
    sha256: str
    """Of the embeddings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Screened:
    """What the model's first layers foretold."""

    screened: Screened


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """A finished round of a race."""

    stage: str
    index: int
    """From 0."""
    at: str
    round: Round


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needed:
    """The memory that a worker needed."""

    name: str
    peak: Peak


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    """Whether the measurement came to its end, with nothing that speaks against its rounds."""

    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forget:
    """All rounds before this line are void; what was prepared is, too, if `prepared`."""

    prepared: bool


_Entry = Prepared | _Portion | _Screened | _Timed | _Needed | _Finished | _Forget
_KINDS: dict[str, type[_Entry]] = {
    "prepared": Prepared,
    "portion": _Portion,
    "screened": _Screened,
    "round": _Timed,
    "peak": _Needed,
    "finished": _Finished,
    "forget": _Forget,
}


def identity_of(exported: Exported) -> str:
    """What must be the same for a candidate's timings to hold still: which bytes are run, and how."""
    return json.dumps([exported.file, exported.size_bytes, dataclasses.asdict(exported.settings)], sort_keys=True)


def journal_folder(root: Path, question: Question) -> Path:
    """The folder under `root` for everything on which timings depend.

    The objective is part of it, for candidates are set up for it. The loss budget is not: the rounds are the same, and
    only the decision differs.
    """
    model, request, cpu = question.model, question.request, question.hardware.cpu
    key = {
        "format": _FORMAT,
        "model": model.content_sha256,
        "max_seq_length": model.max_seq_length,
        "similarity": model.similarity,
        "texts": question.texts_sha256,
        "seed": request.seed,
        "threads": request.threads,
        "objective": request.objective,
        "device": request.device,
        "exporter": request.exporter,
        "cpu": [cpu.model, cpu.vendor, cpu.arch, list(cpu.isa), cpu.physical_cores, cpu.usable_cores],
        "gpus": [[gpu.name, gpu.driver] for gpu in question.hardware.gpus],
        "packages": {package.name: package.version for package in question.packages},
        "labels": None if question.labels is None else question.labels.sha256,
    }
    return root / ROUNDS / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


class Journal:
    """The record of one measurement. Use it as a context manager: the folder is held for this process meanwhile.

    Where the folder cannot be written, or another process holds it, nothing is read or kept there, and the
    measurement begins from nothing in `scratch`.
    """

    def __init__(self, folder: Path | None, *, scratch: Path, fresh: bool = False) -> None:
        self.folder = scratch
        self.started: str | None = None
        """When the first round that counts was run: UTC, ISO 8601."""
        self.finished = False
        """Whether the measurement came to its end. It is not finished any more once something is added."""
        self.screened: Screened | None = None
        """What the screen of an earlier run foretold."""
        self._prepared: dict[str, Prepared] = {}
        self._portions: list[str] = []
        self._rounds: dict[str, list[Round]] = {}
        self._peaks: dict[str, Peak] = {}
        self._held = folder is not None and _take(folder, fresh=fresh)
        self._writable = self._held
        if folder is not None and self._held:
            self.folder = folder
            self._read()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        if self._held:
            release(self.folder)
            self._held = False

    @property
    def num_rounds(self) -> int:
        """Rounds on record."""
        return sum(map(len, self._rounds.values()))

    def prepared(self, exported: Exported) -> Prepared | None:
        """What is known of a candidate with exactly these files and settings."""
        found = self._prepared.get(exported.candidate)
        return found if found is not None and found.identity == identity_of(exported) else None

    def keep(self, prepared: Prepared) -> None:
        """Keep what getting a candidate ready found."""
        self._add(prepared)

    @property
    def portions(self) -> tuple[str, ...]:
        """Hashes of the baseline's embeddings of the compared texts, a portion each, as far as it embedded them."""
        return tuple(self._portions)

    def add_portion(self, index: int, sha256: str) -> None:
        """Keep the hash of the baseline's embeddings of the portion `index`, from 0."""
        self._add(_Portion(index=index, sha256=sha256))

    def keep_screen(self, screened: Screened) -> None:
        """Keep what the screen foretold."""
        self._add(_Screened(screened=screened))

    def rounds(self, stage: str) -> tuple[Round, ...]:
        """The finished rounds of a race, in order."""
        return tuple(self._rounds.get(stage, ()))

    def add_round(self, stage: str, index: int, one: Round) -> None:
        """Keep the round `index`, from 0, of a race; what was on record from there on is void."""
        self._add(_Timed(stage=stage, index=index, at=datetime.now(UTC).isoformat(timespec="seconds"), round=one))

    def peak(self, name: str) -> Peak:
        """What memory a candidate's worker needed, as far as it is on record."""
        return self._peaks.get(name, Peak())

    def add_peak(self, name: str, peak: Peak) -> None:
        """Keep what memory a candidate's worker needed."""
        self._add(_Needed(name=name, peak=peak))

    def finish(self) -> None:
        """The measurement has ended, and the same command may take its rounds for the answer."""
        self._add(_Finished(finished=True))

    def forget_rounds(self) -> None:
        """The rounds on record are not used again: the machine was too noisy for them."""
        if self._rounds or self._peaks or self.finished:
            self._add(_Forget(prepared=False))

    def forget(self) -> None:
        """Drop everything: losses and block sizes refer to a baseline that changed."""
        if self._prepared or self._rounds or self._peaks or self.finished:
            self._add(_Forget(prepared=True))

    def kept(self, name: str, sha256: str | None) -> Path | None:
        """The file `name` in the journal's folder if it is still what it was."""
        path = self.folder / name
        if sha256 is None:
            return None
        with contextlib.suppress(OSError):
            if sha256_of(path) == sha256:
                return path
        return None

    # -- the file --------------------------------------------------------------------------------------------

    def _add(self, entry: _Entry) -> None:
        if self.finished and not isinstance(entry, _Forget):  # whatever is added to a finished one, it goes on
            self._take_and_append(_Finished(finished=False))
        self._take_and_append(entry)

    def _take_and_append(self, entry: _Entry) -> None:
        self._take(entry)
        kind = next(name for name, cls in _KINDS.items() if isinstance(entry, cls))
        self._append(kind, to_json(entry, hidden=True))

    def _append(self, kind: str, entry: Any) -> None:
        if not self._writable:
            return
        body = json.dumps({"kind": kind, "entry": entry})
        try:
            with (self.folder / JOURNAL).open("a", encoding="utf-8") as stream:
                stream.write(f"{_digest(body)} {body}\n")
        except OSError:  # a full disk: what is measured is still good, it is only not kept
            self._writable = False

    def _read(self) -> None:
        path = self.folder / JOURNAL
        try:
            lines = path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return
        good = 0
        for line in lines:
            try:
                digest, body = line.decode().rstrip("\n").split(" ", 1)
                if not line.endswith(b"\n") or digest != _digest(body):
                    break
                document = json.loads(body)
                self._take(from_json(_KINDS[document["kind"]], document["entry"], hidden=True))
            except (ValueError, KeyError, TypeError, RecursionError):
                break
            good += len(line)
        if good < sum(map(len, lines)):
            with contextlib.suppress(OSError):
                os.truncate(path, good)

    def _take(self, entry: _Entry) -> None:
        """Count an entry. Raises ValueError for a round or a portion that does not follow on those before it."""
        match entry:
            case Prepared():
                self._prepared[entry.name] = entry
            case _Portion():
                if entry.index != len(self._portions):
                    raise ValueError(f"portion {entry.index} does not follow on {len(self._portions)} portions")
                self._portions.append(entry.sha256)
            case _Screened():
                self.screened = entry.screened
            case _Timed():
                rounds = self._rounds.setdefault(entry.stage, [])
                if not 0 <= entry.index <= len(rounds):
                    raise ValueError(f"round {entry.index} does not follow on {len(rounds)} rounds")
                self.started = self.started or entry.at
                rounds[entry.index :] = [entry.round]
            case _Needed():
                self._peaks[entry.name] = entry.peak
            case _Finished():
                self.finished = entry.finished
            case _Forget():
                self._rounds.clear()
                self._peaks.clear()
                self.started, self.finished = None, False
                if entry.prepared:
                    self._prepared.clear()
                    self._portions.clear()


def _take(folder: Path, *, fresh: bool) -> bool:
    """Make `folder` and hold it for this process; False where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not try_alone(folder):
            return False
        if fresh:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        os.utime(folder)
    except OSError:
        return False
    return True


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:_DIGEST_CHARS]
