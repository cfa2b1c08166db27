"""A model that the installed versions cannot open is refused before anything is exported, with the way out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_models
from export_support import profile

from advisor.errors import ModelError
from advisor.model import check_stack
from advisor.types import Package

OLD = (Package(name="sentence-transformers", version="5.7.0"), Package(name="transformers", version="4.57.6"))
NEW = (Package(name="sentence-transformers", version="6.2.0"), Package(name="transformers", version="5.23.0"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The files of Sentence Transformers 5.7 that matter: it has the new homes of some classes, not of Normalize."""
    site = tmp_path / "sentence_transformers"
    for name in (
        "base/modules/transformer.py",
        "base/modules/dense.py",
        "sentence_transformer/modules/pooling.py",
        "sentence_transformer/modules/normalize.py",
    ):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("")
    return site


def copy(tmp_path: Path, **options: object) -> Path:
    return tiny_models.copy(tiny_models.shared(**options), tmp_path / "model")


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_class_that_the_installed_version_has_not_is_named_with_the_way_out(tmp_path, site):
    model = profile(copy(tmp_path, normalize=True))
    with pytest.raises(ModelError) as refused:
        check_stack(model, OLD, site=site)
    message = str(refused.value)
    assert "sentence_transformers.base.modules.normalize.Normalize" in message
    assert "sentence-transformers 5.7.0 and transformers 4.57.6" in message
    assert "pip install -U 'backend-advisor[profile]'" in message
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("kind", ["cross-encoder", "sparse-encoder"])
def test_what_only_sentence_transformers_6_runs_here_is_refused_on_5(tmp_path, site, kind):
    model = replace(profile(copy(tmp_path)), kind=kind)
    with pytest.raises(ModelError, match=f"is a {kind}, which advisor opens with Sentence Transformers 6 alone: 5.7.0"):
        check_stack(model, OLD, site=site)
    check_stack(model, NEW)


def test_what_the_old_version_can_open_passes(tmp_path, site):
    check_stack(profile(copy(tmp_path)), OLD, site=site)


def test_the_old_names_stand_for_every_class(tmp_path, site):
    check_stack(profile(copy(tmp_path, layout="st5", normalize=True)), OLD, site=site)


def test_what_this_environments_own_version_saves_it_can_open(tmp_path):
    check_stack(profile(copy(tmp_path, normalize=True)), NEW)


@pytest.mark.parametrize(
    ("file", "values", "said"),
    [
        ("tokenizer_config.json", {"tokenizer_class": "TokenizersBackend"}, "TokenizersBackend"),
        ("config.json", {"rope_parameters": {"rope_theta": 1e6}}, "rope_parameters"),
    ],
)
def test_what_transformers_5_saves_and_4_misreads_is_refused_there_alone(tmp_path, site, file, values, said):
    folder = copy(tmp_path)
    change(folder / file, **values)
    check_stack(profile(folder), NEW, site=site)
    with pytest.raises(ModelError, match=said):
        check_stack(profile(folder), OLD, site=site)


def test_rotary_embeddings_that_are_described_in_both_ways_are_read_by_both(tmp_path, site):
    folder = copy(tmp_path)
    change(folder / "config.json", rope_parameters={"rope_theta": 1e4}, rope_theta=1e4)
    check_stack(profile(folder), OLD, site=site)
