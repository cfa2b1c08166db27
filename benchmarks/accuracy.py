"""Does the estimated loss hold what it promises, and does the gate keep what it should?

    python benchmarks/accuracy.py estimate --sts stsb-test.csv     # estimated and true loss, good and bad files
    python benchmarks/accuracy.py budgets --sts stsb-test.csv      # what is chosen at 0, 0.1 %, 0.4 % and 5 %
    python benchmarks/accuracy.py rescue --sts stsb-test.csv       # a model that plain int8 ruins
    python benchmarks/accuracy.py calibration --sts stsb-test.csv  # how many texts static int8 needs

The file is tab-separated without a header, as the STS benchmark ships it: score in column 5, sentences in columns 6 and
7. The model is all-MiniLM-L6-v2 (`demo`). Each prints a table and writes JSON with `--json FILE`. Only `budgets` and
`rescue` time anything, with what a user's command times.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import Machine, export, say, write_json
from spoiled import SPOILED, apart, make_hard, make_spoiled

import advisor
from advisor import catalogue
from advisor.accuracy import labelled_loss, neighbours, score
from advisor.accuracy.estimate import Neighbours
from advisor.encode import open_encoder
from advisor.gate import NOISE, judge, within
from advisor.labels import LabelledSet, read_labels
from advisor.model import resolve_model
from advisor.types import BASELINE, Exported, Fidelity

NUM_TEXTS = 512
BUDGET = 0.004
BUDGETS = (0.0, 0.001, 0.004, 0.05)
OUTLIER_FACTORS = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 160.0)
CALIBRATION_SIZES = (16, 32, 64, 128, 300)


class Embedded:
    """Both sides' embeddings by one candidate, in batches and, for dynamic int8, one text at a time."""

    def __init__(self, labels: LabelledSet, encoder: Any, *, alone: bool) -> None:
        self.texts = list(dict.fromkeys((*labels.asked, *labels.stored)))
        rows = {text: row for row, text in enumerate(self.texts)}
        self.in_batch = np.asarray(encoder.encode(self.texts))
        self.alone = np.concatenate([encoder.encode([text]) for text in self.texts]) if alone else None
        asked = [rows[text] for text in labels.asked]
        stored = [rows[text] for text in labels.stored]
        self.asked = (self.in_batch if self.alone is None else self.alone)[asked]
        self.stored = self.in_batch[stored]
        self.rows = rows


def embed_all(labels: LabelledSet, exported: Sequence[Exported], *, model_path: Path) -> dict[str, Embedded]:
    found = {}
    for files in exported:
        say(f"    embedding with {files.candidate}")
        runtime = SPOILED[files.candidate][0] if files.candidate in SPOILED else None
        encoder = open_encoder(
            model_path,
            runtime=runtime or catalogue.get(files.candidate).runtime,
            file=None if files.file is None else files.folder / files.file,
            settings=files.settings,
        )
        found[files.candidate] = Embedded(labels, encoder, alone=files.candidate.startswith("onnx-q"))
    return found


def files_for(labels: LabelledSet, scratch: Path, machine: Machine) -> tuple[Path, list[Exported]]:
    """Every candidate of this machine and the spoiled ones, calibrated on a sample of the texts."""
    model = resolve_model("demo")
    texts = sample(labels, seed=0)
    threads = machine.hardware.threads
    names = [name for name in machine.candidates() if name not in {"torch-fp16", catalogue.MIXED}]
    made = export(names, model=model, machine=machine, texts=texts, threads=threads, cache=scratch, logs=scratch)
    by_name = {files.candidate: files for files in made.exported}
    say("    spoiling")
    plain = {name: by_name[name].folder / str(by_name[name].file) for name in ("onnx", "openvino")}
    apart(make_spoiled, model.path, plain["onnx"], plain["openvino"], scratch / "spoiled", threads)
    spoiled = [
        replace(
            by_name["onnx" if runtime == "onnx" else "openvino"],
            candidate=name,
            folder=scratch / "spoiled",
            file=file,
        )
        for name, (runtime, file) in SPOILED.items()
    ]
    return model.path, [*made.exported, *spoiled]


def sample(labels: LabelledSet, *, seed: int, texts: Sequence[str] | None = None) -> tuple[str, ...]:
    pool = sorted({*labels.asked, *labels.stored} if texts is None else set(texts))
    return tuple(random.Random(seed).sample(pool, min(NUM_TEXTS, len(pool))))


def estimate(found: Embedded, base: Embedded, texts: Sequence[str], pairs: Neighbours | None = None) -> Fidelity:
    """What a recommendation estimates on these texts; `pairs` are the baseline's, where they are known."""
    rows = [found.rows[text] for text in texts]
    pairs = pairs or neighbours(base.in_batch[rows])
    assert pairs is not None
    loss = pairs.loss(found.in_batch[rows], other=None if found.alone is None else found.alone[rows])
    assert loss is not None
    return loss


def upper_ends(embedded: dict[str, Embedded], base: Embedded, labels: LabelledSet, num_halves: int) -> dict[str, Any]:
    """The upper end of each candidate's estimate on the texts of random halves of the labelled pairs."""
    found: dict[str, list[float]] = {name: [] for name in embedded}
    for half in range(num_halves):
        items = random.Random(half).sample(range(labels.task.num_items), labels.task.num_items // 2)
        texts = sample(labels, seed=half, texts=[side[row] for item in items for side, row in _sides(labels, item)])
        pairs = neighbours(base.in_batch[[base.rows[text] for text in texts]])
        for name, each in embedded.items():
            loss = estimate(each, base, texts, pairs)
            assert loss.ci95 is not None
            found[name].append(loss.ci95[1])
        if half % 20 == 19:
            say(f"    {half + 1} halves")
    return found


def run_estimate(labels: LabelledSet, scratch: Path, num_halves: int) -> list[dict[str, Any]]:
    model_path, exported = files_for(labels, scratch, Machine.here())
    embedded = embed_all(labels, exported, model_path=model_path)
    base = embedded.pop(BASELINE)
    base_score = score(labels, base.asked, base.stored)
    uppers = upper_ends(embedded, base, labels, num_halves)
    table = []
    for name, found in embedded.items():
        true = labelled_loss(labels, base_score, score(labels, found.asked, found.stored))
        assert true is not None
        assert true.ci95 is not None
        guess = estimate(found, base, sample(labels, seed=0))
        assert guess.ci95 is not None
        covered = sum(max(upper, NOISE) >= true.value for upper in uppers[name])
        precision = "int8" if name in SPOILED else catalogue.get(name).precision
        gate = judge(name, precision, guess, max_loss=BUDGET)
        table.append(
            {
                "candidate": name,
                "estimated": guess.value,
                "estimated_ci95": guess.ci95,
                "true": true.value,
                "true_ci95": true.ci95,
                "halves_covered": covered / num_halves,
                "gate": gate,
                "gate_on_labels": judge(name, precision, true, max_loss=BUDGET),
                "wrongly_accepted": gate == "passes" and true.ci95[0] > BUDGET,
            }
        )
    print(f"{'candidate':42} {'estimated':>24} {'true':>25}  covered  gate at 0.4% (on labels)")
    for row in table:
        print(
            f"{row['candidate']:42} {_percents(row['estimated'], row['estimated_ci95']):>24} "
            f"{_percents(row['true'], row['true_ci95']):>25}  {row['halves_covered']:>6.0%}  {row['gate']} "
            f"({row['gate_on_labels']})"
        )
    print(f"accepted at 0.4%, but over it beyond the true loss's interval: {sum(r['wrongly_accepted'] for r in table)}")
    return table


def _sides(labels: LabelledSet, item: int) -> list[tuple[tuple[str, ...], int]]:
    task: Any = labels.task
    return [(labels.asked, task.asked[item]), (labels.stored, task.stored[item])]


def run_budgets(labels: LabelledSet, sts: Path, scratch: Path, *, labelled: bool, time_budget_s: float) -> list[Any]:
    table = []
    texts = sorted({*labels.asked, *labels.stored})
    for budget in BUDGETS:
        rec = advisor.recommend(
            "demo",
            texts=texts,
            max_loss=budget,
            eval=sts if labelled else None,
            out=scratch / f"artifact-{budget}",
            time_budget_s=time_budget_s,
        )
        won = None if rec.winner is None else rec.outcome(rec.winner)
        assert won is not None
        assert won.timing is not None
        loss = won.loss
        keeps = won.name == BASELINE or (loss is not None and within(loss, max_loss=budget))
        speed = 1.0 if won.timing.speedup is None else won.timing.speedup.median
        table.append({"budget": budget, "winner": won.name, "speedup": speed, "within": keeps, "verdict": rec.verdict})
        figures = "none" if loss is None else _percents(loss.value, loss.ci95)
        print(
            f"{budget:>6.1%}  {won.name:24} {speed:5.2f}x  loss {figures}  {'within' if keeps else 'OVER'}", flush=True
        )
        for each in rec.candidates:
            say(f"      {each.name}: {each.status} {each.reason}")
    return table


def hard_model(labels: LabelledSet, scratch: Path) -> Path:
    """A copy of the model whose outlier channels are scaled up until plain static int8 misses the budget."""
    machine = Machine.here()
    for factor in OUTLIER_FACTORS:
        folder = scratch / f"hard-minilm-{factor:g}"
        if not folder.is_dir():
            apart(make_hard, resolve_model("demo").path, folder, factor)
        names = (BASELINE, "openvino-qint8")
        made = export(
            names,
            model=resolve_model(str(folder)),
            machine=machine,
            texts=sample(labels, seed=0),
            threads=machine.hardware.threads,
            cache=scratch,
            logs=scratch,
        )
        embedded = embed_all(labels, made.exported, model_path=folder)
        base, found = (embedded[name] for name in names)
        loss = estimate(found, base, sample(labels, seed=0))
        print(f"outliers x{factor:g}: plain int8 loses {_percents(loss.value, loss.ci95)}", flush=True)
        if loss.ci95 is not None and loss.ci95[0] > BUDGET:  # beyond doubt
            return folder
    raise SystemExit("plain int8 kept to the budget whatever the outliers")


def run_rescue(labels: LabelledSet, scratch: Path, *, time_budget_s: float) -> list[Any]:
    folder = hard_model(labels, scratch)
    texts = sorted({*labels.asked, *labels.stored})
    rec = advisor.recommend(folder, texts=texts, max_loss=BUDGET, out=scratch / "rescued", time_budget_s=time_budget_s)
    table = []
    for each in rec.candidates:
        speed = None if each.timing is None or each.timing.speedup is None else each.timing.speedup
        loss = None if each.loss is None else _percents(each.loss.value, each.loss.ci95)
        mark = ">" if each.name == rec.winner else " "
        said = "" if speed is None else f"{speed.median:.2f}x {speed.ci95}"
        print(f"{mark} {each.name:22} {each.status:9} {said:40} {loss}  {each.reason}")
        for note in each.notes if each.name == catalogue.MIXED else ():
            print(f"      {note}")
        table.append({"candidate": each.name, "status": each.status, "loss": loss, "speedup": speed and speed.median})
    print(f"{rec.winner}: {rec.verdict}: {rec.why}")
    return table


def run_calibration(labels: LabelledSet, scratch: Path) -> list[Any]:
    """The loss of static int8 by the number of texts that it was calibrated on, on texts that it was not."""
    machine = Machine.here()
    model = resolve_model("demo")
    everything = sorted({*labels.asked, *labels.stored})
    random.Random(0).shuffle(everything)
    table = []
    for size in CALIBRATION_SIZES:
        for part in range(3):
            chosen = everything[part * size : (part + 1) * size]
            names = (BASELINE, "openvino-qint8")
            made = export(
                names,
                model=model,
                machine=machine,
                texts=chosen,
                threads=machine.hardware.threads,
                cache=scratch,
                logs=scratch,
            )
            embedded = embed_all(labels, made.exported, model_path=model.path)
            base, found = (embedded[name] for name in names)
            others = [text for text in everything if text not in set(chosen)]
            loss = estimate(found, base, sample(labels, seed=part, texts=others))
            on_labels = labelled_loss(
                labels, score(labels, base.asked, base.stored), score(labels, found.asked, found.stored)
            )
            assert on_labels is not None
            table.append({"texts": size, "estimated": loss.value, "true": on_labels.value})
            print(f"{size:4} texts  estimated {loss.value:.3%}  true {on_labels.value:.3%}", flush=True)
    return table


def _percents(value: float, ci95: tuple[float, float] | None) -> str:
    return f"{value:.3%}" + ("" if ci95 is None else f" [{ci95[0]:.3%}, {ci95[1]:.3%}]").replace("%", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("estimate", "budgets", "rescue", "calibration"))
    parser.add_argument("--sts", type=Path, required=True)
    parser.add_argument("--halves", type=int, default=200)
    parser.add_argument("--labelled", action="store_true", help="budgets: measure the losses on the labels")
    parser.add_argument("--time-budget", type=float, default=180.0, metavar="SECONDS")
    parser.add_argument("--scratch", type=Path, help="a folder to keep exports in")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    labels = read_labels(arguments.sts, field="6,7,5")
    with tempfile.TemporaryDirectory() as temporary:
        scratch = (arguments.scratch or Path(temporary)).resolve()
        scratch.mkdir(parents=True, exist_ok=True)
        if arguments.what == "estimate":
            table = run_estimate(labels, scratch, arguments.halves)
        elif arguments.what == "budgets":
            table = run_budgets(
                labels, arguments.sts, scratch, labelled=arguments.labelled, time_budget_s=arguments.time_budget
            )
        elif arguments.what == "rescue":
            table = run_rescue(labels, scratch, time_budget_s=arguments.time_budget)
        else:
            table = run_calibration(labels, scratch)
    if arguments.json is not None:
        write_json(arguments.json, {"what": arguments.what, "table": table})


if __name__ == "__main__":
    main()
