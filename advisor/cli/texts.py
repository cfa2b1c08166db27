"""`advisor texts`: how long the texts are."""

from __future__ import annotations

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json


@click.command("texts", short_help="Show how long texts are.")
@click.argument("source")
@options.field
@click.option("--model", metavar="MODEL", help="Count tokens as this model does.")
@options.seed("the sample")
@options.accept_pickles
@options.offline
@options.as_json
@shared_options
@click.pass_obj
def command(
    session: Session,
    source: str,
    field: str | None,
    model: str | None,
    seed: int,
    trust_remote_code: bool,
    offline: bool,
    as_json: bool,
) -> None:
    """Show the length profile of SOURCE: a file, - for stdin, or hub:owner/name[:config[:split]]."""
    from advisor.texts import sample_texts

    tokenizer = max_seq_length = None
    if model is not None:
        from advisor.model import resolve_model, token_counter

        profile_of_model = resolve_model(model, offline=offline, trust_remote_code=trust_remote_code)
        tokenizer, max_seq_length = token_counter(profile_of_model), profile_of_model.max_seq_length
    profile = sample_texts(
        source, field=field, seed=seed, tokenizer=tokenizer, max_seq_length=max_seq_length, offline=offline
    ).profile
    if as_json:
        from advisor.codec import to_json

        write_json({"schema": {"name": "advisor.texts", "version": "1.0"}} | to_json(profile))
        return
    from advisor.report.facts import lengths

    out(session).print(lengths(profile))
