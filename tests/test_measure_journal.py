"""What is on disk counts only where it is whole: rounds come back as they were, and damage is measured again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import factories
import pytest

from advisor.files import sha256_of
from advisor.labels import read_labels
from advisor.measure.journal import Basis, Journal, Prepared, identity_of, journal_folder
from advisor.measure.race.observer import Exit
from advisor.measure.race.rounds import Round
from advisor.measure.workers.client import Peak
from advisor.measure.workload.sizes import Sizes
from advisor.paths import JOURNAL
from advisor.question import Question
from advisor.types import Exported, Fidelity, Findings, Package, Request, RuntimeSettings

FILES = Exported(
    candidate="openvino",
    folder=Path("cache"),
    file="openvino/openvino_model.xml",
    settings=RuntimeSettings(threads=2),
    export_s=1.0,
    size_bytes=10,
)
PREPARED = Prepared(
    name="openvino",
    identity=identity_of(FILES),
    findings=Findings(
        import_s=0.2,
        load_s=0.4,
        s_per_text=0.001,
        probe_speedup=2.0,
        loss=Fidelity(value=0.001, ci95=(0.0, 0.002), method="estimated", metric="1 - rho", num_texts=64),
        estimated_loss=Fidelity(value=0.002, ci95=(0.001, 0.003), method="estimated", metric="1 - rho"),
        drift=factories.labelled().candidates[0].drift,
        reference_sha256="0" * 64,
    ),
    exit=Exit(name="openvino", status="cut", reason="cut after the probe", rival="torch-fp32"),
    max_loss=0.004,
    basis=Basis(
        sizes=Sizes(probe=16, latency_s=0.002, block_s=0.4, labelled_chars=1000),
        labelled_sha256="1" * 64,
    ),
)
ROUNDS = [
    Round(
        block=index % 2,
        seconds={"torch-fp32": 0.5 + index, "openvino": 0.25},
        singles={"openvino": (0.1, 0.2)},
    )
    for index in range(4)
]


@pytest.fixture
def opened(tmp_path):
    """`opened()` is the journal in one folder, opened as another run would."""
    made = []

    def open_(**kwargs):
        for journal in made:
            journal.__exit__()
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        made.append(Journal(tmp_path / "rounds" / "key", scratch=scratch, **kwargs))
        return made[-1]

    yield open_
    for journal in made:
        journal.__exit__()


def fill(journal):
    journal.keep(PREPARED)
    journal.add_portion(0, "2" * 64)
    journal.add_portion(1, "3" * 64)
    for index, one in enumerate(ROUNDS):
        journal.add_round("0.throughput", index, one)
    journal.add_peak("openvino", Peak(rss_bytes=1234, batch_limit=512))
    journal.finish()


def path_of(journal):
    return journal.folder / JOURNAL


def test_everything_comes_back_as_it_was_kept(opened):
    fill(opened())
    back = opened()
    assert back.prepared(FILES) == PREPARED
    assert back.portions == ("2" * 64, "3" * 64)
    assert back.rounds("0.throughput") == tuple(ROUNDS)
    assert back.rounds("0.latency") == ()
    assert back.peak("openvino") == Peak(rss_bytes=1234, batch_limit=512)
    assert back.finished
    assert back.num_rounds == 4
    assert back.started is not None


def test_other_files_or_settings_are_not_the_candidate_that_was_timed(opened):
    fill(opened())
    back = opened()
    assert back.prepared(replace(FILES, size_bytes=11)) is None
    assert back.prepared(replace(FILES, settings=RuntimeSettings(threads=1))) is None


@pytest.mark.parametrize("cut", [1, 20, 100])
def test_a_line_that_was_cut_off_costs_itself_alone_and_writing_goes_on(opened, cut):
    journal = opened()
    for index, one in enumerate(ROUNDS):
        journal.add_round("0.throughput", index, one)
    path = path_of(journal)
    path.write_bytes(path.read_bytes()[:-cut])
    back = opened()
    assert back.rounds("0.throughput") == tuple(ROUNDS[:3])
    back.add_round("0.throughput", 3, ROUNDS[3])
    assert opened().rounds("0.throughput") == tuple(ROUNDS)


def test_an_altered_line_ends_what_is_believed(opened):
    journal = opened()
    for index, one in enumerate(ROUNDS):
        journal.add_round("0.throughput", index, one)
    path = path_of(journal)
    lines = path.read_text().splitlines(keepends=True)
    lines[1] = lines[1].replace('"torch-fp32": 1.5', '"torch-fp32": 9.5')
    path.write_text("".join(lines))
    assert opened().rounds("0.throughput") == tuple(ROUNDS[:1])


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"no journal\n", b"[]\n" * 5, b"0123 {}\n"])
def test_a_file_that_is_no_journal_is_an_empty_one(opened, content):
    path_of(opened()).write_bytes(content)
    back = opened()
    assert back.num_rounds == 0
    assert not back.finished
    fill(back)
    assert opened().num_rounds == 4


def test_durations_that_cannot_be_are_not_believed_even_under_a_good_checksum(opened):
    journal = opened()
    journal.add_round("0.throughput", 0, ROUNDS[0])
    journal.add_round("0.throughput", 1, ROUNDS[1])
    journal._append(
        "round", {"stage": "0.throughput", "index": 2, "at": "now", "round": {"block": 0, "seconds": {"a": -1.0}}}
    )
    assert opened().rounds("0.throughput") == tuple(ROUNDS[:2])


def test_a_round_that_is_run_again_voids_those_after_it(opened):
    journal = opened()
    for index, one in enumerate(ROUNDS):
        journal.add_round("0.throughput", index, one)
    journal.add_round("0.throughput", 1, ROUNDS[3])
    assert journal.rounds("0.throughput") == (ROUNDS[0], ROUNDS[3])
    assert opened().rounds("0.throughput") == (ROUNDS[0], ROUNDS[3])


def test_forgotten_rounds_are_gone_and_what_was_admitted_stays(opened):
    journal = opened()
    fill(journal)
    journal.forget_rounds()
    back = opened()
    assert back.num_rounds == 0
    assert back.started is None
    assert not back.finished
    assert back.prepared(FILES) == PREPARED
    assert len(back.portions) == 2


def test_portions_go_with_the_baseline_that_embedded_them_and_are_added_in_order(opened):
    journal = opened()
    fill(journal)
    with pytest.raises(ValueError, match="portion 3 does not follow on 2"):
        journal.add_portion(3, "4" * 64)
    journal.forget()
    assert opened().portions == ()


def test_fresh_ignores_and_removes_what_is_there(opened):
    fill(opened())
    assert opened(fresh=True).num_rounds == 0
    assert opened().prepared(FILES) is None


def test_embeddings_that_changed_are_not_used(opened):
    journal = opened()
    path = journal.folder / "a.npy"
    path.write_bytes(b"embeddings")
    digest = sha256_of(path)
    assert journal.kept("a.npy", digest) == path
    assert journal.kept("a.npy", None) is None
    path.write_bytes(b"Embeddings")
    assert journal.kept("a.npy", digest) is None
    path.unlink()
    assert journal.kept("a.npy", digest) is None


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked on Windows")
def test_a_second_process_with_the_same_key_keeps_its_hands_off(opened, tmp_path):
    journal = opened()
    fill(journal)
    code = (
        "import sys; from pathlib import Path; from advisor.measure.journal import Journal\n"
        "found = Journal(Path(sys.argv[1]), scratch=Path(sys.argv[2]), fresh=True)\n"
        "print(found.num_rounds, found.folder == Path(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(journal.folder), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "True"]
    assert opened().num_rounds == 4


def test_a_folder_that_cannot_be_made_costs_the_record_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file" / "key", scratch=tmp_path)
    fill(journal)
    assert journal.folder == tmp_path
    assert journal.rounds("0.throughput") == tuple(ROUNDS)
    assert not (tmp_path / JOURNAL).exists()


def test_the_key_changes_with_everything_that_timings_depend_on(tmp_path):
    def key(**changes):
        arguments = {
            "model": factories.model(),
            "texts": ("a", "b"),
            "reference_texts": ("c",),
            "request": Request(threads=2),
            "hardware": factories.hardware(),
            "packages": (Package(name="torch", version="2.13.0"),),
        } | changes
        return journal_folder(tmp_path, Question(**arguments))

    labels = [read_labels([(f"{word} {n}", f"other {n}", n % 3) for n in range(9)]) for word in ("one", "two")]
    base = key()
    hardware = factories.hardware()
    different = [
        key(model=replace(factories.model(), content_sha256="1" * 64)),
        key(model=replace(factories.model(), similarity="dot")),
        key(texts=("a", "bc")),
        key(texts=("ab",)),
        key(reference_texts=("d",)),
        key(request=Request(threads=1)),
        key(request=Request(threads=2, seed=1)),
        key(request=Request(threads=2, objective="latency")),
        key(hardware=replace(hardware, cpu=replace(hardware.cpu, usable_cores=1.0))),
        key(packages=(Package(name="torch", version="2.14.0"),)),
        *(key(labels=each) for each in labels),
    ]
    assert len({base, *different}) == len(different) + 1
    assert base == key(request=Request(threads=2, max_loss=0.1))
    assert base == key(model=replace(factories.model(), path=Path("/elsewhere")))
