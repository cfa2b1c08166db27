"""The cache of exports: complete or absent, checked at every use, safe to share."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from advisor.export.cache import WORK, ExportCache, key_of

KEY = key_of({"any": "ingredients"})
FILE = "onnx/model.onnx"


@pytest.fixture
def cache(tmp_path):
    return ExportCache(tmp_path)


def put(cache: ExportCache, text: str = "graph", *, key: str = KEY, replace: bool = False):
    with cache.building() as folder:
        (folder / "onnx").mkdir()
        (folder / FILE).write_text(text)
        (folder / WORK / "scratch").write_text("not to keep")
        return cache.publish(folder, key, export_s=1.5, notes=("A note.",), replace=replace)


def test_what_was_published_is_found_with_its_files_time_and_notes(cache):
    published = put(cache)
    found = cache.find(KEY)
    assert found == published
    assert [file.name for file in found.files] == [FILE]
    assert (found.export_s, found.notes, found.size_bytes) == (1.5, ("A note.",), 5)


def test_nothing_is_found_under_another_key(cache):
    put(cache)
    assert cache.find(key_of({"other": "ingredients"})) is None


def test_only_the_complete_export_is_left_on_the_disk(cache):
    put(cache)
    assert [path.name for path in cache.root.iterdir()] == [KEY]
    assert sorted(path.name for path in (cache.root / KEY).iterdir()) == ["export.json", "onnx"]


def test_a_build_that_fails_leaves_nothing(cache):
    def fail() -> None:
        with cache.building() as folder:
            (folder / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(cache.root.iterdir()) == []


def damage_bytes(folder: Path) -> None:
    (folder / FILE).write_text("grapH")


def damage_size(folder: Path) -> None:
    (folder / FILE).write_text("gra")


def remove_file(folder: Path) -> None:
    (folder / FILE).unlink()


def cut_record(folder: Path) -> None:
    record = folder / "export.json"
    record.write_text(record.read_text()[:20])


def empty_record(folder: Path) -> None:
    (folder / "export.json").write_text("{}")


def alien_record(folder: Path) -> None:
    (folder / "export.json").write_text(json.dumps([1, 2]))


@pytest.mark.parametrize(
    "damage", [damage_bytes, damage_size, remove_file, cut_record, empty_record, alien_record], ids=lambda f: f.__name__
)
def test_a_damaged_export_is_not_found_and_the_next_one_takes_its_place(cache, damage):
    put(cache)
    damage(cache.root / KEY)
    assert cache.find(KEY) is None
    put(cache, "better")
    assert cache.find(KEY).size_bytes == 6
    assert [path.name for path in cache.root.iterdir()] == [KEY]


def test_a_whole_export_that_another_process_published_meanwhile_stays(cache):
    with cache.building() as folder:
        (folder / "late").write_text("late")
        first = put(cache)
        assert cache.publish(folder, KEY, export_s=9.0, notes=()) == first
    assert cache.find(KEY) == first


def test_replacing_takes_the_place_of_a_whole_export(cache):
    put(cache)
    put(cache, "fresh graph", replace=True)
    assert cache.find(KEY).size_bytes == len("fresh graph")


def _publish_many(root: Path, text: str) -> None:
    cache = ExportCache(root)
    for _ in range(30):
        put(cache, text, replace=True)


def test_processes_that_publish_the_same_key_at_once_do_not_break_each_other(tmp_path):
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_publish_many, args=(tmp_path, text)) for text in ("one", "other", "third!")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    cache = ExportCache(tmp_path)
    assert cache.find(KEY) is not None
    assert [path.name for path in cache.root.iterdir()] == [KEY]


def test_what_a_killed_process_left_a_day_ago_is_removed_and_todays_is_not(cache):
    old, new = cache.root / ".building-old", cache.root / ".building-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    put(cache)
    assert not old.exists()
    assert new.exists()


def test_the_models_name_is_kept(cache):
    with cache.building() as folder:
        cache.publish(folder, KEY, export_s=1.0, notes=(), model="owner/name")
    assert cache.find(KEY).model == "owner/name"
