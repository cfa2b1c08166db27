"""What the cache holds, and removing what is not needed."""

from advisor.cache.inventory import ExportEntry, Inventory, LogEntry, RoundsEntry, log_entry, read_inventory
from advisor.cache.prune import Kept, Pruned, Removed, prune, remove_all

__all__ = [
    "ExportEntry",
    "Inventory",
    "Kept",
    "LogEntry",
    "Pruned",
    "Removed",
    "RoundsEntry",
    "log_entry",
    "prune",
    "read_inventory",
    "remove_all",
]
