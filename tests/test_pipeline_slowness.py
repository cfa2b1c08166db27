"""How slow a model is, foretold from its size and the texts' length."""

from __future__ import annotations

from dataclasses import replace

import factories
import pytest

from advisor.model import resolve_model
from advisor.pipeline.slowness import seconds_per_text
from advisor.types import LengthStats

TOKENS = LengthStats(mean=100, p50=100, p90=150, p95=160, p99=180, max=200)
GRAPH_PARAMETERS = 22_713_216 - 30_522 * 384
"""Of all-MiniLM-L6-v2, without its word embeddings."""


@pytest.fixture
def texts():
    return replace(factories.texts(), tokens=TOKENS)


def test_it_goes_by_the_parameters_that_a_token_is_multiplied_with_and_by_the_threads(texts):
    model = resolve_model("demo")
    foretold = seconds_per_text(model, texts, threads=2)
    assert foretold == pytest.approx(2 * GRAPH_PARAMETERS * 100 / 1e11)
    assert seconds_per_text(model, texts, threads=8) == pytest.approx(foretold / 4)


def test_what_is_cut_off_costs_nothing(texts):
    model = resolve_model("demo")
    longer = replace(texts, tokens=replace(TOKENS, mean=1e4))
    assert seconds_per_text(model, longer, threads=1) == pytest.approx(2 * GRAPH_PARAMETERS * 256 / 5e10)


def test_nothing_is_foretold_where_the_weights_or_the_tokens_are_not_known(texts, tmp_path):
    model = resolve_model("demo")
    assert seconds_per_text(replace(model, num_parameters=None), texts, threads=1) is None
    assert seconds_per_text(replace(model, path=tmp_path), texts, threads=1) is None, "it is gone"
    assert seconds_per_text(model, replace(texts, tokens=None), threads=1) is None
