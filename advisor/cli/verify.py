"""`advisor verify`: does an artifact still give what it gave when it was written?"""

from __future__ import annotations

from pathlib import Path

import click

from advisor.cli import options
from advisor.cli.session import Session, shared_options
from advisor.cli.terminal import out, write_json


@click.command("verify", short_help="Check that an artifact gives what it gave.")
@click.argument("artifact", type=click.Path(path_type=Path))
@options.trust_remote_code
@options.as_json
@click.option("-q", "--quiet", is_flag=True, help="Print nothing where all is well.")
@shared_options
@click.pass_obj
def command(session: Session, artifact: Path, trust_remote_code: bool, as_json: bool, quiet: bool) -> None:
    """Check an artifact: its hashes, then a fresh process that loads it and compares embeddings."""
    from advisor.api import verify
    from advisor.errors import ArtifactError

    report = verify(artifact, trust_remote_code=trust_remote_code)
    if as_json:
        from advisor.codec import to_json

        schema = {"name": "advisor.verification", "version": "1.0"}
        write_json({"schema": schema, "ok": report.ok} | to_json(report))
    elif not quiet:
        from advisor.report.text import hanging

        stream = out(session)
        names = max(len(check.name) for check in report.checks)
        for check in report.checks:
            sign, style = (stream.glyphs.tick, "") if check.ok else (stream.glyphs.cross, "red")
            stream.print(hanging(f"{sign} {check.name.ljust(names)}  ", check.detail, stream.width, style=style))
    if not report.ok:
        failed = next(check for check in report.checks if not check.ok)
        raise ArtifactError(
            f"The artifact {str(artifact)!r} is not what was written: {failed.name}: {failed.detail}.",
            hint="Write it again with `advisor recommend`.",
        )
