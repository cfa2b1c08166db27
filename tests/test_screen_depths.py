"""To how many layers a model is cut: by its config.json alone, which may say it in several ways, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from export_support import profile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from advisor.screen import Depths, NotScreenedError, depths_of

FULL, LOCAL = "full_attention", "sliding_attention"


@pytest.fixture
def model(tmp_path):
    """`model(num_hidden_layers=12)` is a plain transformers model with that configuration."""

    def write(**config):
        return plain_model(tmp_path, **config)

    return write


def plain_model(folder, **config):
    """A plain transformers model, as far as it is read here."""
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **config}))
    (folder / "tokenizer.json").write_text("{}")
    return profile(folder)


@pytest.fixture(scope="module")
def shared_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("periodic")


def _is_screened(model):
    try:
        depths_of(model)
    except NotScreenedError:
        return False
    return True


def found(depths):
    return depths.shallow, depths.deep, depths.num_layers


@pytest.mark.parametrize("key", ["num_hidden_layers", "n_layers", "num_layers", "n_layer"])
def test_equal_layers_are_cut_to_one_and_to_more_the_more_layers_there_are(model, key):
    assert found(depths_of(model(**{key: 12}))) == (1, 3, 12)
    assert found(depths_of(model(**{key: 24}))) == (1, 6, 24)
    assert found(depths_of(model(**{key: 36}))) == (1, 8, 36)


def test_a_model_of_few_layers_is_not_screened(model):
    with pytest.raises(NotScreenedError, match=r"^a model of 6 layers is measured whole as soon$"):
        depths_of(model(num_hidden_layers=6))
    assert found(depths_of(model(num_hidden_layers=8))) == (1, 3, 8)


def test_both_depths_are_whole_periods_away_from_all_layers(model):
    """22 layers of which every third, from the first on, sees the whole text: ModernBERT-base."""
    kinds = [FULL if index % 3 == 0 else LOCAL for index in range(22)]
    assert found(depths_of(model(num_hidden_layers=22, layer_types=kinds))) == (1, 7, 22)


def test_where_the_period_divides_the_layers_the_shallow_copy_is_one_period(model):
    kinds = [LOCAL, LOCAL, FULL] * 10
    assert found(depths_of(model(num_hidden_layers=30, layer_types=kinds))) == (3, 9, 30)


def test_layers_that_are_all_of_one_kind_have_a_period_of_one(model):
    assert found(depths_of(model(num_hidden_layers=12, layer_types=[FULL] * 12))) == (1, 3, 12)


def test_a_stack_that_never_repeats_itself_is_not_screened(model):
    with pytest.raises(NotScreenedError, match="a model of 24 layers is measured whole as soon"):
        depths_of(model(num_hidden_layers=24, layer_types=[LOCAL] * 23 + [FULL]))


def test_kinds_for_another_number_of_layers_are_not_believed(model):
    assert found(depths_of(model(num_hidden_layers=12, layer_types=[FULL, LOCAL]))) == (1, 3, 12)


def test_older_configurations_say_the_period_as_a_number(model):
    modernbert = {"model_type": "modernbert", "num_hidden_layers": 28}
    assert found(depths_of(model(**modernbert, global_attn_every_n_layers=3))) == (1, 7, 28)
    assert found(depths_of(model(**modernbert, global_attn_every_n_layers=9))) == (1, 10, 28)
    assert found(depths_of(model(model_type="gemma3_text", num_hidden_layers=26, sliding_window_pattern=4))) == (
        2,
        10,
        26,
    )


def test_two_architectures_have_a_period_that_their_configuration_leaves_out(model):
    assert found(depths_of(model(model_type="modernbert", num_hidden_layers=22))) == (1, 7, 22)
    assert found(depths_of(model(model_type="gemma3_text", num_hidden_layers=26))) == (2, 8, 26)
    with pytest.raises(NotScreenedError, match="24 layers"):  # 6 and 12 of them are too many
        depths_of(model(model_type="gemma3_text", num_hidden_layers=24))


@pytest.mark.parametrize("config", [{}, {"num_hidden_layers": None}, {"num_hidden_layers": "12"}])
def test_a_configuration_without_a_number_of_layers_says_so(model, config):
    with pytest.raises(NotScreenedError, match=r"^its configuration does not say how many layers it has$"):
        depths_of(model(**config))


def test_a_configuration_that_cannot_be_read_says_which(model):
    broken = model(num_hidden_layers=12)
    (broken.path / "config.json").write_text("{")
    with pytest.raises(NotScreenedError, match=r"^its configuration cannot be read: .*config\.json.*[^.]$"):
        depths_of(broken)


def test_code_of_the_models_own_is_never_cut(model):
    with pytest.raises(NotScreenedError, match="brings code of its own"):
        depths_of(replace(model(num_hidden_layers=12), trust_remote_code=True))


@given(period=st.integers(1, 8), num_layers=st.integers(1, 80), start=st.integers(0, 7))
@settings(deadline=None)
def test_depths_keep_the_kinds_of_layers_in_proportion(shared_folder, period, num_layers, start):
    """What lies between the depths is a fair sample of all that follows on the first one; and both are a saving."""
    kinds = [FULL if (index + start) % period == 0 else LOCAL for index in range(num_layers)]
    model = plain_model(shared_folder, num_hidden_layers=num_layers, layer_types=kinds)
    if num_layers < 6 * period + 2:
        assume(_is_screened(model))
    depths = depths_of(model)
    assert 1 <= depths.shallow < depths.deep - 1
    assert depths.shallow + depths.deep <= num_layers / 2
    added = kinds[depths.shallow : depths.deep]
    rest = kinds[depths.shallow :]
    assert added.count(FULL) * len(rest) == rest.count(FULL) * len(added)


SECONDS = st.floats(1e-4, 1e3)


@given(fixed=SECONDS, layer=SECONDS, shallow=st.integers(1, 10), lever=st.integers(2, 10), more=st.integers(0, 60))
def test_the_whole_is_the_line_through_both_depths(fixed, layer, shallow, lever, more):
    depths = Depths(shallow=shallow, deep=shallow + lever, num_layers=shallow + lever + more)
    whole = depths.whole(fixed + layer * depths.shallow, fixed + layer * depths.deep)
    assert whole == pytest.approx(fixed + layer * depths.num_layers, rel=1e-6)
