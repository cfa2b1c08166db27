"""A model's name -> its folder and profile, without torch or transformers."""

from advisor.model.resolve import resolve_model
from advisor.model.tokens import token_counter

__all__ = ["resolve_model", "token_counter"]
