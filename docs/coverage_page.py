"""Makes docs/coverage.md: every candidate x device x exporter x model type, and whether it has run.

Nothing is typed into the table. Its rows are the catalogue's; its cells are what the tests say of themselves with the
marker `covers`, read from their source:

    @pytest.mark.covers("onnx", "onnx-O1", device="cuda", exporter="native", model="bi-encoder", how="seam")

`how` is `run` where the real libraries run the candidate in that test, `seam` where stand-ins do, or where the test
runs parts of it. Without `device` it is the CPU, without `exporter` the native one, without `model` a bi-encoder. What
no test claims is not supported; why is said by `why_not`. `python docs/coverage_page.py` prints the page, `--write`
writes it, and tests/test_coverage.py fails where it is not up to date.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from advisor import catalogue
from advisor.catalogue import Candidate

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "coverage.md"
TESTS = ROOT / "tests"

EXPORTERS = ("native", "optimum")
MODELS = ("bi-encoder", "cross-encoder", "sparse")
HOWS = {"run": "run here", "seam": "tested at the seam"}
STAND_INS = ("fake_gpu", "fake_workers")
"""Modules with stand-ins for the libraries that run a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination."""

    candidate: str
    device: str
    exporter: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a test covers, and how."""

    test: str
    """`tests/test_x.py::test_name`."""
    cells: tuple[Cell, ...]
    how: str
    imports: frozenset[str]
    """What its module imports."""


class ClaimError(ValueError):
    """A marker that cannot be read or names something that is not there."""


def claims(tests: Path = TESTS) -> tuple[Claim, ...]:
    """What all tests claim, in the order of files and lines. Raises ClaimError."""
    return tuple(claim for path in sorted(tests.glob("test_*.py")) for claim in _claims_in(path))


def _claims_in(path: Path) -> Iterator[Claim]:
    source = path.read_text(encoding="utf-8")
    if "mark.covers" not in source:
        return
    tree = ast.parse(source)
    imports = frozenset(_imports(tree))
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.covers":
                assert isinstance(node, ast.FunctionDef)
                yield _claim(f"tests/{path.name}::{node.name}", decorator, imports)


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _claim(test: str, marker: ast.Call, imports: frozenset[str]) -> Claim:
    try:
        names = [ast.literal_eval(argument) for argument in marker.args]
        said = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in marker.keywords}
    except ValueError:
        raise ClaimError(f"{test}: only literals can be read") from None
    how = said.pop("how", None)
    where = {"device": "cpu", "exporter": "native", "model": "bi-encoder"} | said
    allowed = {"device": ("cpu", "cuda", "mps"), "exporter": EXPORTERS, "model": MODELS}
    for key, value in where.items():
        if key not in allowed or value not in allowed[key]:
            raise ClaimError(f"{test}: {key}={value!r} is unknown")
    if how not in HOWS:
        raise ClaimError(f"{test}: how={how!r} is not {' or '.join(HOWS)}")
    for name in names:
        candidate = catalogue.find(name)
        if candidate is None or where["device"] not in devices_of(candidate):
            raise ClaimError(f"{test}: there is no {name!r} on {where['device']}")
    return Claim(test=test, cells=tuple(Cell(candidate=name, **where) for name in names), how=how, imports=imports)


def devices_of(candidate: Candidate) -> tuple[str, ...]:
    """Where a candidate can run, by the catalogue's own function."""
    asked = ("cpu", "cuda", "mps")
    return tuple(dict.fromkeys(catalogue.device_of(candidate, device) for device in asked))


def cells() -> tuple[Cell, ...]:
    """Every combination, in the catalogue's order."""
    return tuple(
        Cell(candidate=candidate.name, device=device, exporter=exporter, model=model)
        for candidate in catalogue.CATALOGUE
        for device in devices_of(candidate)
        for exporter in EXPORTERS
        for model in MODELS
    )


def status(cell: Cell, claimed: tuple[Claim, ...]) -> str:
    """`run`, `seam`, or why it is not supported."""
    hows = {claim.how for claim in claimed if cell in claim.cells}
    return next((how for how in HOWS if how in hows), None) or why_not(cell, claimed)


def why_not(cell: Cell, claimed: tuple[Claim, ...]) -> str:
    """Why no test covers a combination."""
    exporters = {each.exporter for claim in claimed for each in claim.cells}
    models = {each.model for claim in claimed for each in claim.cells if each.exporter == cell.exporter}
    if cell.exporter not in exporters or cell.model not in models:
        return "not built"
    return "no test"


def page() -> str:
    """The whole of docs/coverage.md."""
    claimed = claims()
    head = "".join(f" {exporter}: {model} |" for exporter in EXPORTERS for model in MODELS)
    lines = [
        "# What has run, and what has not",
        "",
        "Made by `python docs/coverage_page.py --write` from the catalogue and from what the tests say they cover.",
        "",
        "- **run here**: a test runs the candidate with the real libraries, on x86-64 Linux.",
        "- **seam**: a test runs what is around the libraries, with stand-ins for these, or makes the file and does",
        "  not run it where it is meant to run, or runs parts. No test has run on a GPU, on ARM64 or on an Apple",
        "  machine; what was seen on a GPU by hand is in [hardware.md](hardware.md).",
        "- **no**: not supported, and why. *not built*: nothing does it. *no test*: nothing shows that it works.",
        "",
        "The exporter `native` is the stack of Sentence Transformers 6, `optimum` that of version 5.7 with Optimum.",
        "Torch candidates need no file; for them the columns say in which stack they ran.",
        "",
        f"| candidate | device |{head}",
        "|---|---|" + "---|" * (len(EXPORTERS) * len(MODELS)),
    ]
    rows: dict[tuple[str, str], list[str]] = {}
    for cell in cells():
        rows.setdefault((cell.candidate, cell.device), []).append(_shown(status(cell, claimed)))
    lines += [f"| `{name}` | {device} | {' | '.join(shown)} |" for (name, device), shown in rows.items()]
    lines += ["", "## Which test shows what", ""]
    for claim in claimed:
        names = ", ".join(f"`{cell.candidate}`" for cell in claim.cells)
        first = claim.cells[0]
        where = f"{first.device}, {first.exporter}, {first.model}"
        lines.append(f"- `{claim.test}`: {HOWS[claim.how]} ({where}): {names}")
    return "\n".join(lines) + "\n"


def _shown(found: str) -> str:
    return {"run": "run here", "seam": "seam"}.get(found, f"no: {found}")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
