"""What an option means where it is left out is said in one module, and everything follows it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from advisor import defaults
from advisor.report import format as fmt

DOCS = (Path(__file__).parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")

OTHERS = {"OBJECTIVE": "memory", "MAX_LOSS": 0.03, "RULESET": "sbert-2026", "TIME_BUDGET_S": 240.0, "SEED": 7}
TYPED = {"objective": "memory", "max_loss": "3%", "ruleset": "sbert-2026", "time_budget": "4m", "seed": "7"}
MEANT = {"objective": "memory", "max_loss": 0.03, "ruleset": "sbert-2026", "time_budget_s": 240.0, "seed": 7}

SCRIPT = """
import dataclasses, inspect, json, sys
from advisor import defaults

vars(defaults).update(json.loads(sys.argv[1]))

import click
from advisor import api
from advisor.cli.main import cli
from advisor.pipeline.spec import RunSpec
from advisor.tui.form import Fields
from advisor.types import Request

def verb(name):
    command = cli.get_command(click.Context(cli), name)
    return {each.name: str(each.default) for each in command.params if each.default is not None}

def signature(call):
    return {name: each.default for name, each in inspect.signature(call).parameters.items() if name != "model"}

print(json.dumps({
    "fields": dataclasses.asdict(Fields()),
    "run": dataclasses.asdict(RunSpec(model="")),
    "request": dataclasses.asdict(Request()),
    **{f"python {each.__name__}": signature(each) for each in (api.recommend, api.explain)},
    **{f"advisor {name}": verb(name) for name in ("recommend", "explain", "tui", "texts")},
    "help": cli.get_command(click.Context(cli), "recommend").get_help(click.Context(cli)),
}, default=str))
"""


@pytest.fixture(scope="module")
def followed() -> dict[str, dict[str, object]]:
    """The defaults of each way to ask, where those of the module are others."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(OTHERS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("way", ["run", "request", "python recommend", "python explain"])
def test_a_default_that_changes_changes_in_python(way: str, followed: dict[str, dict[str, object]]) -> None:
    shared = followed[way].keys() & MEANT.keys()
    assert {"objective", "max_loss"} <= shared
    assert {name: followed[way][name] for name in shared} == {name: MEANT[name] for name in shared}


@pytest.mark.parametrize("way", ["fields", "advisor recommend", "advisor explain", "advisor tui", "advisor texts"])
def test_a_default_that_changes_changes_where_it_is_typed(way: str, followed: dict[str, dict[str, object]]) -> None:
    shared = followed[way].keys() & TYPED.keys()
    assert ("seed" if way == "advisor texts" else "objective") in shared
    assert {name: followed[way][name] for name in shared} == {name: TYPED[name] for name in shared}


def test_the_help_says_the_defaults(followed: dict[str, dict[str, object]]) -> None:
    said = " ".join(str(followed["help"]).split())
    for value in TYPED.values():
        assert f"[default: {value}]" in said


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-loss", fmt.budget(defaults.MAX_LOSS)),
        ("--objective", defaults.OBJECTIVE),
        ("--time-budget", fmt.seconds(defaults.TIME_BUDGET_S)),
        ("--seed", str(defaults.SEED)),
        ("--ruleset", defaults.RULESET),
    ],
)
def test_the_documentation_says_the_defaults(option: str, value: str) -> None:
    assert re.search(rf"^- `{option} [^`]*`:[^\n]*`{re.escape(value)}` \(the default\)", DOCS, flags=re.MULTILINE)
