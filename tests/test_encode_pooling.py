"""Pooling in numpy equals Sentence Transformers' Pooling module."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import POOLING_MODES

from advisor.encode.pipeline import Pooling
from advisor.encode.pooling import normalize, pool
from advisor.encode.tokenize import Inputs

torch = pytest.importorskip("torch", reason="Sentence Transformers is the reference")


@settings(deadline=None, max_examples=150)
@given(
    lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any),
    modes=st.lists(st.sampled_from(POOLING_MODES), min_size=1, max_size=3, unique=True),
    left=st.booleans(),
    prompt_length=st.integers(0, 4),
    include_prompt=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_mask_any_modes_any_prompt(
    lengths: list[int], modes: list, left: bool, prompt_length: int, include_prompt: bool, seed: int
) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling as Reference

    width = max(lengths)
    positions = np.arange(width)
    length = np.array(lengths)[:, None]
    mask = ((positions >= width - length) if left else (positions < length)).astype(np.int64)
    tokens = np.random.default_rng(seed).normal(size=(len(lengths), width, 5)).astype(np.float32)
    inputs = Inputs(
        input_ids=mask, attention_mask=mask, token_type_ids=np.zeros_like(mask), padded=not bool(mask.all())
    )
    features = {"token_embeddings": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}
    if prompt_length:
        features["prompt_length"] = prompt_length
    reference = Reference(5, tuple(modes), include_prompt=include_prompt)(features)["sentence_embedding"].numpy()
    pooled = pool(
        tokens.copy(),
        inputs,
        Pooling(modes=tuple(modes), include_prompt=include_prompt),
        prompt_length=prompt_length,
    )
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, reference, rtol=1e-5, atol=1e-5)


def test_normalising_zeros_gives_zeros() -> None:
    rows = np.array([[0, 0], [3, 4]], np.float32)
    np.testing.assert_allclose(normalize(rows), [[0, 0], [0.6, 0.8]], rtol=1e-6)
