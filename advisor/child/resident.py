"""The pages of files, libraries above all, that a process has in memory.

A fork does not copy their page tables on Linux (`vma_needs_copy` in mm/memory.c): a child would begin without them, and
its resident memory (VmRSS, VmHWM) would be less than that of a process that did the import itself.
"""

from __future__ import annotations

import ctypes
import mmap
from array import array

_PRESENT_BIT = 63
"""Of an entry of pagemap, 64 bits a page: https://docs.kernel.org/admin-guide/mm/pagemap.html."""


def resident_file_pages() -> array[int]:
    """The addresses of the pages of privately mapped files that this process has in memory.

    Raises OSError where /proc does not say.
    """
    addresses = array("Q")
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps, open("/proc/self/pagemap", "rb") as table:
        for line in maps.readlines():
            span, permissions, _, _, inode, *path = line.split(maxsplit=5)
            if inode == "0" or permissions[0] != "r" or permissions[3] != "p" or path[0].startswith("/dev/"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            table.seek(start // mmap.PAGESIZE * 8)
            entries = array("Q", table.read((end - start) // mmap.PAGESIZE * 8))
            addresses.extend(
                start + index * mmap.PAGESIZE for index, entry in enumerate(entries) if entry >> _PRESENT_BIT
            )
    return addresses


def touch(addresses: array[int]) -> None:
    """Read one byte of each page, which puts it into this process's page table."""
    for address in addresses:
        ctypes.c_char.from_address(address).value  # noqa: B018 - the read is what is wanted
