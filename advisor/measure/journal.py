"""What a measurement has found so far, on disk: an interrupted one goes on, a repeated one need not be run again.

A folder for each key (model, texts, machine, versions, threads, seed) holds `journal.jsonl`, to which every finished
admission and round is appended as one line with its own checksum, and a few embeddings. The first line that does not
match its checksum, cut off or altered, ends what is read; embeddings must have the hash that their line names. So what
is damaged is measured again, and never trusted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from advisor.export.holding import release, try_alone
from advisor.files import sha256_of
from advisor.labels import LabelledSet
from advisor.measure.client import Load
from advisor.measure.race import Exit
from advisor.measure.rounds import Round
from advisor.measure.sizes import Sizes
from advisor.paths import JOURNAL, ROUNDS
from advisor.types import Drift, Exported, Fidelity, Hardware, LengthLoss, ModelProfile, Package, Request

_FORMAT = 4
"""Raised whenever other things are timed, or timed in another way."""

_DIGEST_CHARS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What getting a candidate ready found out. `identity` is that of the files it was found out with."""

    name: str
    identity: str
    s_per_text: float
    latency_s: float | None
    """Mean seconds of a single text; the baseline's alone, which sizes the plan."""
    block_s: float | None
    """How long blocks were to be; the baseline's alone too."""
    sizes: Sizes | None
    """How many texts were probed and compared; the baseline's alone too."""
    probe_speedup: float | None
    load: Load
    loss: Fidelity | None
    exit: Exit | None
    compared_sha256: str | None
    """The baseline's alone: others are compared with these."""
    reference_sha256: str | None
    estimated: Fidelity | None = None
    drift: Drift | None = None
    labelled_sha256: str | None = None
    """The baseline's alone."""
    labelled_chars: int | None = None
    """How many characters of labelled texts there was time for; the baseline's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The peak memory of a worker, and to what its batches had to be cut so that they fit into the device's memory.

    Both are None where they are not known, and `batch_limit` where nothing was cut.
    """

    rss_bytes: int | None
    batch_limit: int | None


def identity_of(exported: Exported) -> str:
    """What must be the same for a candidate's timings to hold still: which bytes are run, and how."""
    return json.dumps([exported.file, exported.size_bytes, dataclasses.asdict(exported.settings)], sort_keys=True)


def journal_folder(
    root: Path,
    *,
    model: ModelProfile,
    texts: Sequence[str],
    reference_texts: Sequence[str],
    request: Request,
    hardware: Hardware,
    packages: Sequence[Package],
    labels: LabelledSet | None = None,
) -> Path:
    """The folder under `root` for everything on which timings depend.

    The objective is part of it, for candidates are set up for it. The loss budget is not: the rounds are the same, and
    only the decision differs.
    """
    text_digest = hashlib.sha256()
    for text in (*texts, "\0", *reference_texts):
        encoded = text.encode("utf-8", "surrogatepass")
        text_digest.update(f"{len(encoded)}:".encode())
        text_digest.update(encoded)
    cpu = hardware.cpu
    key: dict[str, Any] = {
        "format": _FORMAT,
        "model": model.content_sha256,
        "max_seq_length": model.max_seq_length,
        "texts": text_digest.hexdigest(),
        "seed": request.seed,
        "threads": request.threads,
        "objective": request.objective,
        "device": request.device,
        "cpu": [cpu.model, cpu.vendor, cpu.arch, list(cpu.isa), cpu.physical_cores, cpu.usable_cores],
        "gpus": [[gpu.name, gpu.driver] for gpu in hardware.gpus],
        "packages": {package.name: package.version for package in packages},
    }
    if request.exporter != "native":  # keys of native files are older than the choice
        key["exporter"] = request.exporter
    if model.similarity != "cosine":  # losses went by cosines once
        key["similarity"] = model.similarity
    if labels is not None:
        key["labels"] = labels.sha256
    return root / ROUNDS / hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


class Journal:
    """The record of one measurement. Use it as a context manager: the folder is held for this process meanwhile.

    Where the folder cannot be written, or another process holds it, nothing is read or kept there, and the
    measurement goes on from nothing in `scratch`.
    """

    def __init__(self, folder: Path | None, *, scratch: Path, fresh: bool = False) -> None:
        self.folder = scratch
        self._admitted: dict[str, Admitted] = {}
        self._rounds: dict[str, list[Round]] = {}
        self._peaks: dict[str, Peak] = {}
        self._started: str | None = None
        self.finished = False
        """Whether the measurement came to its end, and nothing spoke against it."""
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
    def started(self) -> str | None:
        """When the first round that counts was run: UTC, ISO 8601."""
        return self._started

    @property
    def num_rounds(self) -> int:
        """Rounds on record."""
        return sum(map(len, self._rounds.values()))

    def admitted(self, exported: Exported) -> Admitted | None:
        """What is known of a candidate with just these files and settings."""
        found = self._admitted.get(exported.candidate)
        return found if found is not None and found.identity == identity_of(exported) else None

    def admit(self, admitted: Admitted) -> None:
        """Keep what getting a candidate ready found out."""
        self._admitted[admitted.name] = admitted
        self._append("admitted", dataclasses.asdict(admitted))

    def rounds(self, stage: str) -> tuple[Round, ...]:
        """The finished rounds of a race, in order."""
        return tuple(self._rounds.get(stage, ()))

    def add_round(self, stage: str, index: int, one: Round) -> None:
        """Keep the round `index`, from 0, of a race; what was on record from there on is void."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        entry = {"stage": stage, "index": index, "at": at, **dataclasses.asdict(one)}
        self._put_round(entry)
        self._append("round", entry)

    def peak(self, name: str) -> Peak:
        """What memory a candidate's worker needed, as far as it is on record."""
        return self._peaks.get(name, Peak(rss_bytes=None, batch_limit=None))

    def add_peak(self, name: str, peak: Peak) -> None:
        """Keep what memory a candidate's worker needed."""
        self._peaks[name] = peak
        self._append("peak", {"name": name, "bytes": peak.rss_bytes, "batch_limit": peak.batch_limit})

    def finish(self) -> None:
        """The measurement has ended, and the same command may take its rounds for the answer."""
        self.finished = True
        self._append("finished", {})

    def go_on(self) -> None:
        """More is to be measured."""
        if self.finished:
            self.finished = False
            self._append("unfinished", {})

    def forget_rounds(self) -> None:
        """The rounds on record are no good: the machine was too noisy for them."""
        if not (self._rounds or self._peaks or self.finished):
            return
        self._clear_rounds()
        self._append("forget", {})

    def forget(self) -> None:
        """All on record is of a baseline that is no more: losses refer to it, and rounds to blocks of its pace."""
        if self._admitted or self._rounds or self._peaks or self.finished:
            self._admitted.clear()
            self._clear_rounds()
            self._append("forget", {"admitted": True})

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

    def _append(self, kind: str, entry: dict[str, Any]) -> None:
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
                self._take_entry(document["kind"], document["entry"])
            except (ValueError, KeyError, TypeError, AttributeError):
                break
            good += len(line)
        if good < sum(map(len, lines)):
            with contextlib.suppress(OSError):
                os.truncate(path, good)

    def _take_entry(self, kind: str, entry: dict[str, Any]) -> None:
        if kind == "admitted":
            found = _admitted(entry)
            self._admitted[found.name] = found
        elif kind == "round":
            self._put_round(entry)
        elif kind == "peak":
            limit = entry.get("batch_limit")
            self._peaks[str(entry["name"])] = Peak(
                rss_bytes=int(entry["bytes"]), batch_limit=None if limit is None else int(limit)
            )
        elif kind == "finished":
            self.finished = True
        elif kind == "unfinished":
            self.finished = False
        elif kind == "forget":
            self._clear_rounds()
            if entry.get("admitted"):
                self._admitted.clear()

    def _clear_rounds(self) -> None:
        self._rounds.clear()
        self._peaks.clear()
        self._started = None
        self.finished = False

    def _put_round(self, entry: dict[str, Any]) -> None:
        rounds = self._rounds.setdefault(str(entry["stage"]), [])
        if not 0 <= entry["index"] <= len(rounds):
            raise ValueError(f"round {entry['index']} does not follow on {len(rounds)} rounds")
        self._started = self._started or str(entry["at"])
        del rounds[entry["index"] :]
        rounds.append(
            Round(
                block=int(entry["block"]),
                seconds={str(name): _positive(value) for name, value in entry["seconds"].items()},
                singles={
                    str(name): tuple(_positive(value) for value in values) for name, values in entry["singles"].items()
                },
            )
        )


def _take(folder: Path, *, fresh: bool) -> bool:
    """Make `folder` and hold it alone; False where that cannot be."""
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


def _positive(value: Any) -> float:
    number = float(value)
    if not 0 < number < float("inf"):
        raise ValueError(f"{value!r} is no duration")
    return number


def _admitted(entry: dict[str, Any]) -> Admitted:
    left = entry["exit"]
    drift = entry["drift"]
    sizes = entry["sizes"]
    return Admitted(
        **entry
        | {
            "s_per_text": _positive(entry["s_per_text"]),
            "sizes": None if sizes is None else Sizes(**sizes),
            "load": Load(**entry["load"]),
            "loss": _fidelity(entry["loss"]),
            "estimated": _fidelity(entry["estimated"]),
            "drift": None if drift is None else _drift(drift),
            "exit": None if left is None else Exit(**left),
        }
    )


def _fidelity(entry: dict[str, Any] | None) -> Fidelity | None:
    return None if entry is None else Fidelity(**entry | {"ci95": _pair(entry["ci95"])})


def _drift(entry: dict[str, Any]) -> Drift:
    by_length = tuple(LengthLoss(**each | {"ci95": _pair(each["ci95"])}) for each in entry["by_length"])
    return Drift(
        **entry
        | {
            "mixed": _fidelity(entry["mixed"]),
            "by_length": by_length,
            "most_moved": tuple(map(int, entry["most_moved"])),
        }
    )


def _pair(values: Iterable[float] | None) -> tuple[float, float] | None:
    if values is None:
        return None
    low, high = values
    return low, high
