"""Bytes -> decoded pieces of text: gzip, byte order marks, binary files, wrong encodings."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

from advisor.errors import InputError

CHUNK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"

_GZIP_WINDOW_BITS = 31  # zlib's value for "a gzip header, the largest window"
_SNIFFED_BYTES = 8192

# UTF-32's little-endian mark begins with UTF-16's, so it comes first.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_MAGIC = (
    (b"PK\x03\x04", "a zip archive or an Office file"),
    (b"%PDF-", "a PDF file"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"PAR1", "a Parquet file (name it .parquet)"),
    (b"ARROW1", "an Arrow file"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
)


def read_chunks(stream: BinaryIO, label: str) -> Iterator[bytes]:
    """The stream's bytes in chunks, decompressed if they begin as gzip does; raises InputError on corrupt gzip."""
    chunks = _raw_chunks(stream, label)
    head = next(chunks, b"")
    chunks = chain((head,), chunks)
    return _gunzip(chunks, label) if head.startswith(GZIP_MAGIC) else chunks


def read_text(stream: BinaryIO, label: str) -> Iterator[str]:
    """The stream decoded piece by piece (UTF-8, or UTF-16 and UTF-32 with a byte order mark, which is left out).

    Raises InputError for an empty stream, a binary one, and for bytes that are not in that encoding.
    """
    chunks = read_chunks(stream, label)
    head = next(chunks, b"")
    if not head:
        raise InputError(f"{label} is empty.")
    mark, codec = next(((mark, codec) for mark, codec in _BYTE_ORDER_MARKS if head.startswith(mark)), (b"", "utf-8"))
    if not mark:
        _refuse_binary(head, label)
    decoder = codecs.getincrementaldecoder(codec)()
    offset, line = len(mark), 1
    for chunk in chain((head[len(mark) :],), chunks, (b"",)):
        pending = len(decoder.getstate()[0])
        try:
            piece = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line += error.object[: error.start].decode(codec, "ignore").count("\n")
            raise _wrong_encoding(label, codec, line, offset - pending + error.start, error) from None
        offset += len(chunk)
        line += piece.count("\n")
        if piece:
            yield piece


def _raw_chunks(stream: BinaryIO, label: str) -> Iterator[bytes]:
    try:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
    except OSError as error:
        raise InputError(f"{label} cannot be read: {error.strerror or error}.") from error


def _gunzip(chunks: Iterator[bytes], label: str) -> Iterator[bytes]:
    inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
    for chunk in chunks:
        rest = chunk
        while rest:
            if inflater.eof:
                rest = rest.lstrip(b"\0")  # zero padding after a member is legal
                if not rest:
                    break
                inflater = zlib.decompressobj(_GZIP_WINDOW_BITS)
            try:
                # The bound keeps memory constant whatever the compression ratio.
                piece = inflater.decompress(rest, CHUNK_BYTES)
            except zlib.error as error:
                raise InputError(f"{label} is corrupt: its gzip data cannot be decompressed.") from error
            rest = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if piece:
                yield piece
    if not inflater.eof:
        raise InputError(f"{label} is cut short: its gzip data ends early.", hint="Copy or download it again.")


def _refuse_binary(head: bytes, label: str) -> None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise InputError(f"{label} is {kind}, not text.")
    if b"\0" in head[:_SNIFFED_BYTES]:
        raise InputError(
            f"{label} holds NUL bytes, so it is a binary file or UTF-16 without a byte order mark.",
            hint="If it is UTF-16, convert it: iconv -f utf-16le -t utf8",
        )


def _wrong_encoding(label: str, codec: str, line: int, offset: int, error: UnicodeDecodeError) -> InputError:
    found = f"0x{error.object[error.start]:02x} at byte offset {offset} (line {line})"
    return InputError(
        f"{label} is not valid {codec.upper()}: it has {found}.",
        hint="If it is Latin-1, convert it first: iconv -f latin1 -t utf8",
    )
