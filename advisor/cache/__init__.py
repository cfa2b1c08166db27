"""What the cache holds, and removing what is not needed."""

from advisor.cache.inventory import ExportEntry, Inventory, LogEntry, RoundsEntry, read_inventory
from advisor.cache.prune import Kept, Pruned, Removed, prune, remove_all

__all__ = [
    "ExportEntry",
    "Inventory",
    "Kept",
    "LogEntry",
    "Pruned",
    "Removed",
    "RoundsEntry",
    "prune",
    "read_inventory",
    "remove_all",
]
