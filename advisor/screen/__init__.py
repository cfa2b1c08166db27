"""What whole models take, foretold from their first layers, before anything whole is made.

Read in this order: `depths` (where a model is cut) -> `screen` (what is made and timed) -> `predict` (the arithmetic).
"""

from advisor.screen.depths import Depths, NotScreenedError, depths_of
from advisor.screen.screen import is_screened, screen

__all__ = ["Depths", "NotScreenedError", "depths_of", "is_screened", "screen"]
