"""docs/cli.md names every verb and every option."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from advisor.cli.lazy import VERBS
from advisor.cli.main import cli

DOCS = (Path(__file__).parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")


def section(verb: str) -> str:
    found = re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", DOCS, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/cli.md has no section on {verb}"
    return found.group(1)


def command(verb: str) -> click.Command:
    found = cli.get_command(click.Context(cli), verb)
    assert found is not None
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_in_the_overview_and_has_a_section(verb: str) -> None:
    assert f"| [`{verb}`](#{verb}) |" in DOCS
    assert section(verb).strip()


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_is_described_where_its_verb_is(verb: str) -> None:
    shared = section("Every verb") + section(verb)
    for parameter in command(verb).params:
        if isinstance(parameter, click.Option):
            for name in parameter.opts:
                assert re.search(rf"`{re.escape(name)}[` ]", shared), f"{verb} {name}"


@pytest.mark.parametrize("verb", VERBS)
def test_no_option_is_described_that_is_not_there(verb: str) -> None:
    options = {name for parameter in command(verb).params for name in parameter.opts}
    described = re.findall(r"^- (`.*?):", section(verb), flags=re.MULTILINE)
    named = {name for entry in described for name in re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", entry)}
    assert named <= options


@pytest.mark.parametrize("verb", VERBS)
def test_each_option_and_verb_has_a_help_text(verb: str) -> None:
    assert command(verb).help
    assert len(command(verb).get_short_help_str(60)) > 10
    for parameter in command(verb).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{verb} {parameter.name}"


def test_every_exit_code_of_the_error_tree_is_described() -> None:
    from advisor import errors

    codes = {
        item.exit_code
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, errors.AdvisorError)
    }
    for code in {0, 130} | codes:
        assert re.search(rf"^\| {code} \|", section("Exit codes"), flags=re.MULTILINE), code
