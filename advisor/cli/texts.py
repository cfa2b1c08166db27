"""`advisor texts`: how long the texts are."""

from __future__ import annotations

import click

from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json


@click.command("texts", short_help="Show how long texts are.")
@click.argument("source")
@click.option("--field", metavar="NAME", help="The column or key that holds the texts.")
@click.option("--model", metavar="MODEL", help="Count tokens as this model does.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the sample.")
@click.option("--trust-remote-code", is_flag=True, help="Accept a model whose weights are pickled.")
@click.option("--offline", is_flag=True, help="Use what is on this machine; ask no hub.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
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
