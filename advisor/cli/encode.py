"""`advisor encode`: embeddings with the winner, of any number of texts."""

from __future__ import annotations

import time
from pathlib import Path

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import err
from advisor.errors import InputError


@click.command("encode", short_help="Write embeddings to a .npy file.")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.argument("source")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE.npy", help="The file to write."
)
@options.field
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads; as measured by default.")
@click.option("--prompt-name", metavar="NAME", help="One of the model's prompts.")
@click.option("--normalize", is_flag=True, help="Scale each embedding to length 1.")
@options.trust_remote_code
@options.offline
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
@shared_options
@click.pass_obj
def command(
    session: Session,
    artifact: Path,
    source: str,
    output: Path,
    field: str | None,
    threads: int | None,
    prompt_name: str | None,
    normalize: bool,
    trust_remote_code: bool,
    offline: bool,
    quiet: bool,
) -> None:
    """Embed every text of SOURCE with ARTIFACT, into a .npy file of (num_texts, dimension) float32.

    SOURCE is a file, - for stdin, or hub:owner/name[:config[:split]]. Row n is text n: a line of a text file, a row of
    a table, a record of JSON. A blank line of a text file and a missing value keep their row, as the embedding of an
    empty text; a blank line of a table is no row. Several columns (--field A,B) and lists give a row a string.
    """
    _check_output(output)

    from advisor.encode import Encoder, load
    from advisor.encode.npy import NpyWriter
    from advisor.report import format as fmt
    from advisor.texts import open_texts
    from advisor.texts.batches import replace_surrogates

    spent_s = 0.0
    with (
        load(artifact, threads=threads, trust_remote_code=trust_remote_code, expect=Encoder) as encoder,
        open_texts(source, field=field, offline=offline) as texts,
        NpyWriter(output) as npy,
    ):
        for batch in texts.batches:
            start = time.perf_counter()
            sentences = replace_surrogates(batch.texts)
            npy.append(encoder.encode(sentences, prompt_name=prompt_name, normalize_embeddings=normalize))
            spent_s += time.perf_counter() - start
        if npy.num_rows == 0:
            raise InputError(f"There are no texts in {texts.label}.")
    if not quiet:
        stream = err(session)
        rows, dimension = npy.shape
        speed = fmt.rate(rows / spent_s) if spent_s else fmt.UNKNOWN
        stream.print(
            f"{stream.glyphs.tick} wrote {output}: {fmt.plural(rows, 'text')} x {dimension} float32, {speed} texts/s"
        )


def _check_output(output: Path) -> None:
    """Refuse, before any work, an output that cannot be written."""
    if output.is_dir():
        raise InputError(f"The output {str(output)!r} is a folder:", hint="name a file with -o FILE.npy.")
    if output.suffix != ".npy":
        raise InputError(f"The output {str(output)!r} does not end in .npy:", hint=f"write -o {output}.npy.")
    if not output.parent.is_dir():
        raise InputError(f"There is no folder {str(output.parent)!r} to write to:", hint="create it first.")
