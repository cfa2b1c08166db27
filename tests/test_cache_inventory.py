"""What the cache holds, and what pruning takes away: real folders, made and used by processes of their own."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisor.cache import prune, read_inventory, remove_all
from advisor.errors import InputError
from advisor.export import holding
from advisor.export.cache import ExportCache, key_of
from advisor.export.holding import alone, hold, release
from advisor.paths import JOURNAL, ROUNDS

DAY_S = 86400.0
MONTH_S = 30 * DAY_S
FORK = multiprocessing.get_context("fork")


def in_a_process(work: Callable[[], None]) -> None:
    """Do `work` in a process that then ends, so that it uses nothing any more."""
    process = FORK.Process(target=work)
    process.start()
    process.join(300)
    assert process.exitcode == 0


def put(root: Path, file: str = "onnx/model.onnx", *, model: str | None = "demo", key: str | None = None) -> Path:
    """An export that a process made and left; its folder."""
    cache, key = ExportCache(root), key or key_of([file, model])

    def make() -> None:
        with cache.building() as folder:
            (folder / file).parent.mkdir()
            (folder / file).write_text("graph")
            cache.publish(folder, key, export_s=1.0, notes=(), model=model)

    in_a_process(make)
    return cache.root / key


def leave_half_built(root: Path) -> Path:
    """What a process that was killed while it built leaves."""

    def die() -> None:
        with ExportCache(root).building() as folder:
            (folder / "onnx").mkdir()
            (folder / "onnx" / "model.onnx").write_text("gra")
            os._exit(0)

    before = set((root / "exports").glob("*"))
    in_a_process(die)
    (left,) = set((root / "exports").glob("*")) - before
    return left


@contextmanager
def elsewhere(work: Callable[[], None]) -> Iterator[None]:
    """Another process that has done `work` and goes on running inside the block."""
    ready, done = FORK.Event(), FORK.Event()

    def run() -> None:
        work()
        ready.set()
        done.wait(300)

    process = FORK.Process(target=run)
    process.start()
    try:
        assert ready.wait(300)
        yield
    finally:
        done.set()
        process.join(300)


def used(folder: Path, *, ago_s: float) -> None:
    then = time.time() - ago_s
    os.utime(folder / "export.json", (then, then))
    os.utime(folder, (then, then))


def put_log(root: Path, *, pid: int, started: float | None = None) -> Path:
    stamp = datetime.fromtimestamp(time.time() if started is None else started, UTC).strftime("%Y%m%dT%H%M%S")
    folder = root / "logs" / f"{stamp}-{pid}"
    folder.mkdir(parents=True)
    (folder / "export.log").write_text("log")
    return folder


def ended_pid() -> int:
    process = FORK.Process(target=str)
    process.start()
    process.join(300)
    assert process.pid is not None
    return process.pid


def test_a_missing_and_an_empty_cache_hold_nothing(tmp_path):
    missing, empty = read_inventory(tmp_path / "none"), read_inventory(tmp_path)
    assert (missing.exists, empty.exists) == (False, True)
    assert (missing.exports, missing.logs, missing.size_bytes) == (empty.exports, empty.logs, empty.size_bytes)
    assert empty.size_bytes == 0


def test_a_cache_that_is_a_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is not a folder"):
        read_inventory(tmp_path / "file")


def test_an_export_is_shown_with_its_model_file_size_and_times(tmp_path):
    folder = put(tmp_path, "openvino/openvino_model.xml", model="owner/name")
    used(folder, ago_s=DAY_S)
    (entry,) = read_inventory(tmp_path).exports
    assert (entry.folder, entry.state, entry.damage, entry.in_use) == (folder, "whole", None, False)
    assert (entry.model, entry.file) == ("owner/name", "openvino/openvino_model.xml")
    assert entry.size_bytes == 5 + (folder / "export.json").stat().st_size
    assert time.time() - entry.last_used == pytest.approx(DAY_S, abs=60)


def test_a_record_of_an_older_version_names_no_model(tmp_path):
    folder = put(tmp_path)
    record = json.loads((folder / "export.json").read_text())
    del record["model"]
    (folder / "export.json").write_text(json.dumps(record))
    (entry,) = read_inventory(tmp_path).exports
    assert (entry.state, entry.model, entry.file) == ("whole", None, "onnx/model.onnx")


def test_a_name_cannot_steer_the_terminal(tmp_path):
    put(tmp_path, model="\x1b[2Jname")
    (entry,) = read_inventory(tmp_path).exports
    assert entry.model == "?[2Jname"


@pytest.mark.parametrize(
    ("name", "text", "damage"),
    [
        ("onnx/model.onnx", "grapH", "onnx/model.onnx has other bytes"),
        ("onnx/model.onnx", "gra", "onnx/model.onnx has another size"),
        ("onnx/model.onnx", None, "onnx/model.onnx is missing"),
        ("export.json", "{", "export.json is missing or cannot be read"),
        ("export.json", None, "export.json is missing or cannot be read"),
        (
            "export.json",
            '{"files": [{"name": 5, "sha256": "", "size_bytes": 1}], "notes": [], "export_s": 1}',
            "export.json is",
        ),
    ],
)
def test_a_damaged_export_is_corrupt_and_says_what_is_wrong_and_is_pruned(tmp_path, name, text, damage):
    folder, whole = put(tmp_path), put(tmp_path, "onnx/model_O1.onnx")
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    inventory = read_inventory(tmp_path)
    (entry,) = (entry for entry in inventory.exports if entry.folder == folder)
    assert entry.state == "corrupt"
    assert entry.damage.startswith(damage)
    done = prune(inventory, unused_for_s=MONTH_S)
    assert [(each.entry, each.why) for each in done.removed] == [(entry, "corrupt")]
    assert list((tmp_path / "exports").iterdir()) == [whole]


def test_what_a_killed_process_left_is_half_built_and_pruned_at_once(tmp_path):
    whole, left = put(tmp_path), leave_half_built(tmp_path)
    inventory = read_inventory(tmp_path)
    assert {entry.folder: (entry.state, entry.in_use) for entry in inventory.exports} == {
        whole: ("whole", False),
        left: ("half-built", False),
    }
    assert [each.why for each in prune(inventory, unused_for_s=MONTH_S).removed] == ["half-built"]
    assert list((tmp_path / "exports").iterdir()) == [whole]


def test_pruning_takes_what_was_not_used_for_that_long_and_frees_its_size(tmp_path):
    old, young = put(tmp_path), put(tmp_path, "onnx/model_O1.onnx")
    used(old, ago_s=31 * DAY_S)
    used(young, ago_s=29 * DAY_S)
    inventory = read_inventory(tmp_path)
    done = prune(inventory, unused_for_s=MONTH_S)
    assert [(each.entry.folder, each.why) for each in done.removed] == [(old, "unused")]
    assert done.freed_bytes == inventory.size_bytes - read_inventory(tmp_path).size_bytes > 0
    assert young.exists()


def test_an_age_of_zero_takes_every_export_even_one_dated_in_the_future(tmp_path):
    put(tmp_path)
    used(put(tmp_path, "onnx/model_O1.onnx"), ago_s=-DAY_S)
    prune(read_inventory(tmp_path), unused_for_s=0)
    assert read_inventory(tmp_path).exports == ()


def test_a_hit_counts_as_a_use_and_does_not_change_when_it_was_made(tmp_path):
    folder = put(tmp_path)
    used(folder, ago_s=31 * DAY_S)
    in_a_process(lambda: ExportCache(tmp_path).find(folder.name))
    (entry,) = read_inventory(tmp_path).exports
    assert time.time() - entry.last_used < DAY_S
    assert time.time() - entry.made > 30 * DAY_S
    assert prune(read_inventory(tmp_path), unused_for_s=MONTH_S).removed == ()


@pytest.mark.parametrize("clear", [lambda found: prune(found, unused_for_s=0), remove_all], ids=["prune", "all"])
def test_what_a_running_process_found_stays_until_it_ends(tmp_path, clear):
    folder = put(tmp_path)
    with elsewhere(lambda: ExportCache(tmp_path).find(folder.name)):
        inventory = read_inventory(tmp_path)
        assert inventory.exports[0].in_use
        done = clear(inventory)
        assert (done.removed, [each.problem for each in done.kept]) == ((), [None])
        assert ExportCache(tmp_path).find(folder.name) is not None
        release(folder)
    assert len(clear(read_inventory(tmp_path)).removed) == 1
    assert not folder.exists()


def test_what_a_running_process_made_stays(tmp_path):
    cache = ExportCache(tmp_path)

    def make() -> None:
        with cache.building() as folder:
            (folder / "onnx").mkdir()
            cache.publish(folder, key_of("made"), export_s=1.0, notes=())

    with elsewhere(make):
        assert remove_all(read_inventory(tmp_path)).removed == ()
        assert (cache.root / key_of("made")).is_dir()


def test_what_a_running_process_builds_stays(tmp_path):
    cache = ExportCache(tmp_path)
    building = cache.building()
    with elsewhere(building.__enter__):
        inventory = read_inventory(tmp_path)
        assert [(entry.state, entry.in_use) for entry in inventory.exports] == [("half-built", True)]
        assert remove_all(inventory).removed == ()
        assert inventory.exports[0].folder.is_dir()


def test_a_hit_between_the_look_and_the_pruning_saves_the_export(tmp_path):
    folder = put(tmp_path)
    inventory = read_inventory(tmp_path)
    with elsewhere(lambda: ExportCache(tmp_path).find(folder.name)):
        done = prune(inventory, unused_for_s=0)
    assert done.removed == ()
    assert folder.exists()


def test_looking_does_not_hold_anything(tmp_path):
    folder = put(tmp_path)
    read_inventory(tmp_path)
    with alone(folder) as unused:
        assert unused


def test_where_folders_cannot_be_locked_a_use_in_the_last_day_keeps_an_export(tmp_path, monkeypatch):
    recent, older = put(tmp_path), put(tmp_path, "onnx/model_O1.onnx")
    used(older, ago_s=2 * DAY_S)
    for path in older.iterdir():
        os.utime(path, (0, 0))

    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(holding.fcntl, "flock", unsupported)
    assert hold(recent)
    remove_all(read_inventory(tmp_path))
    assert recent.exists()
    assert not older.exists()


def test_a_hold_follows_a_folder_that_is_renamed(tmp_path):
    (tmp_path / "before").mkdir()
    assert hold(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    with alone(tmp_path / "after") as unused:
        assert not unused
    release(tmp_path / "after")
    with alone(tmp_path / "after") as unused:
        assert unused
    assert not hold(tmp_path / "before")


def _churn(root: Path, find: bool) -> None:
    key = key_of("churn")
    cache = ExportCache(root)
    for _ in range(40):
        if not find:
            remove_all(read_inventory(root))
        elif (found := cache.find(key)) is not None:
            time.sleep(0.002)  # in which the others prune
            assert (found.folder / "onnx" / "model.onnx").read_text() == "graph"
            release(found.folder)
        else:
            with cache.building() as folder:
                (folder / "onnx").mkdir()
                (folder / "onnx" / "model.onnx").write_text("graph")
                made = cache.publish(folder, key, export_s=1.0, notes=())
            time.sleep(0.002)
            assert (made.folder / "onnx" / "model.onnx").read_text() == "graph"
            release(made.folder)


def test_what_was_found_is_there_however_many_prune_at_once(tmp_path):
    """Finders and makers read each export that they were given while others remove all that is not held."""
    processes = [FORK.Process(target=_churn, args=(tmp_path, find)) for find in (True, False, True, False)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def test_all_removes_exports_and_logs_and_nothing_that_is_not_advisors(tmp_path):
    put(tmp_path), leave_half_built(tmp_path)
    put_log(tmp_path, pid=ended_pid())
    (tmp_path / "logs" / "error-123.log").write_text("Traceback")
    target = tmp_path / "target"
    target.mkdir()
    foreign = [
        tmp_path / "thesis.txt",
        tmp_path / "exports" / "holiday" / "photo.jpg",
        tmp_path / "exports" / key_of("of somebody else") / "blob",
        tmp_path / "exports" / ".building-site" / "plan",
        tmp_path / "logs" / "nginx.log",
        tmp_path / "logs" / "20260101T000000" / "log",
        tmp_path / "logs" / "20269999T000000-1" / "log",
        target / "kept",
    ]
    for path in foreign:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    link = tmp_path / "exports" / key_of("link")
    link.symlink_to(target)
    inventory = read_inventory(tmp_path)
    assert (len(inventory.exports), len(inventory.logs)) == (2, 2)
    done = remove_all(inventory)
    assert (len(done.removed), done.kept, done.freed_bytes) == (4, (), inventory.size_bytes)
    assert {path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(link)} == set(foreign)
    assert link.is_symlink()


def test_all_leaves_an_empty_cache_folder_where_nothing_else_was_in_it(tmp_path):
    put(tmp_path), put_log(tmp_path, pid=ended_pid())
    remove_all(read_inventory(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_pruning_leaves_the_logs(tmp_path):
    log = put_log(tmp_path, pid=ended_pid())
    assert prune(read_inventory(tmp_path), unused_for_s=0).removed == ()
    assert log.exists()


def test_the_logs_of_a_run_that_goes_on_stay_and_those_of_an_earlier_process_with_its_id_go(tmp_path):
    running = put_log(tmp_path, pid=os.getpid())
    earlier = put_log(tmp_path, pid=os.getpid(), started=time.time() - 400 * DAY_S)
    done = remove_all(read_inventory(tmp_path))
    assert [each.entry.path for each in done.removed] == [earlier]
    assert [(each.entry.path, each.problem) for each in done.kept] == [(running, None)]


def test_what_cannot_be_removed_is_kept_with_the_reason_and_the_rest_goes_on(tmp_path, monkeypatch):
    stuck, other = put(tmp_path), put(tmp_path, "onnx/model_O1.onnx")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path == stuck:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    done = remove_all(read_inventory(tmp_path))
    assert [(each.entry.folder, each.problem) for each in done.kept] == [(stuck, "Permission denied")]
    assert stuck.exists()
    assert not other.exists()


# -- measurements --------------------------------------------------------------------------------------------


def put_rounds(root: Path, key: str = "a" * 64, *, ago_s: float = 0.0) -> Path:
    folder = root / ROUNDS / key
    folder.mkdir(parents=True)
    (folder / JOURNAL).write_text("a line\n")
    (folder / "compared.npy").write_bytes(b"x" * 100)
    when = time.time() - ago_s
    for path in (*folder.iterdir(), folder):
        os.utime(path, (when, when))
    return folder


def test_measurements_are_listed_with_their_size_and_age(tmp_path: Path) -> None:
    folder = put_rounds(tmp_path, ago_s=DAY_S)
    (entry,) = read_inventory(tmp_path).rounds
    assert entry.path == folder
    assert entry.size_bytes == 107
    assert not entry.in_use
    assert time.time() - entry.last_used == pytest.approx(DAY_S, abs=60)


def test_a_folder_that_is_no_measurement_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / ROUNDS / ("b" * 64)
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("mine")
    (tmp_path / ROUNDS / "notes").mkdir()
    assert read_inventory(tmp_path).rounds == ()
    remove_all(read_inventory(tmp_path))
    assert (mine / "notes.txt").is_file()


def test_old_measurements_are_pruned_and_one_in_use_stays(tmp_path: Path) -> None:
    old, young = put_rounds(tmp_path, "a" * 64, ago_s=2 * MONTH_S), put_rounds(tmp_path, "b" * 64)
    assert hold(young)
    try:
        done = prune(read_inventory(tmp_path), unused_for_s=MONTH_S)
        assert [each.entry.path for each in done.removed] == [old]
        everything = remove_all(read_inventory(tmp_path))
        assert young.is_dir() == (os.name != "nt")
        assert not everything.removed or everything.removed[0].entry.path == young
    finally:
        release(young)
    remove_all(read_inventory(tmp_path))
    assert not (tmp_path / ROUNDS).exists()
