"""A model's name -> its folder and profile, without torch or transformers."""

from advisor.model.resolve import resolve_model
from advisor.model.stack import check_stack
from advisor.model.tokens import token_counter

__all__ = ["check_stack", "resolve_model", "token_counter"]
