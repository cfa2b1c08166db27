"""A model's first layers alone. A transformer is a stack of equal layers, so two depths foretell what the whole takes.

Takes any module of PyTorch and imports none: what is cut was loaded by others.
"""

from __future__ import annotations

from typing import Any

from advisor.errors import ModelError


def cut(transformer: Any, depth: int) -> None:
    """Keep the first `depth` layers of a `transformers` model, in place.

    Raises ModelError where its layers are not one list of `config.num_hidden_layers` modules: layers that are shared,
    or code of its own.
    """
    num_layers = getattr(transformer.config, "num_hidden_layers", None)
    stacks = [
        (name, module)
        for name, module in transformer.named_modules()
        if type(module).__name__ == "ModuleList" and len(module) == num_layers
    ]
    if len(stacks) != 1 or len({id(layer) for layer in stacks[0][1]}) != num_layers:
        raise ModelError(f"The layers of {type(transformer).__name__} are not one list, so it cannot be cut.")
    name, layers = stacks[0]
    parent, _, attribute = name.rpartition(".")
    setattr(transformer.get_submodule(parent), attribute, layers[:depth])
    transformer.config.num_hidden_layers = depth
