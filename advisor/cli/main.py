"""The entry point: the single place that prints errors and chooses the exit code.

Exit codes: 0 an answer; 1 no candidate meets the constraints, inconclusive under `--strict`, an artifact that fails, or
an internal error; 2 usage, configuration or input; 3 a model or dependency is not available; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import click

from advisor import __version__
from advisor.cli.lazy import LazyGroup
from advisor.cli.session import Session
from advisor.cli.terminal import on_a_terminal, prepare_streams
from advisor.errors import AdvisorError, CandidateWarning, ChildFailed

INTERRUPTED = 130


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="advisor", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Which backend should run this embedding model, on this machine, for these texts?

    Alone, on a terminal, it opens the interactive app.
    """
    if ctx.invoked_subcommand is not None:
        return
    if on_a_terminal() and importlib.util.find_spec("textual") is not None:
        from advisor.cli.tui import show

        show(ctx.ensure_object(Session))
        return
    click.echo(ctx.get_help())
    click.echo("\nUse a verb, for example `advisor recommend demo`; alone on a terminal, the app opens.", err=True)
    ctx.exit(2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code and never raises."""
    prepare_streams()
    session = Session()
    try:
        with _terminated_as_interrupted(), _candidates_warned_of():
            return _run(list(sys.argv[1:] if argv is None else argv), session)
    except KeyboardInterrupt:
        _say(f"interrupted: {session.after_interrupt}")
        return INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except Exception as error:
        return _report(error, session)


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM unwind as Ctrl+C does, so that children, scratch files and the cursor are put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _candidates_warned_of() -> Iterator[None]:
    """Let a candidate of another package that cannot be used cost one line on stderr; other warnings stay Python's."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, CandidateWarning):
            _say(f"warning: {_one_line(str(message))}")
        else:
            before(message, category, *where, **more)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def _run(args: list[str], session: Session) -> int:
    if "_ADVISOR_COMPLETE" in os.environ:
        from advisor.cli.suggestions import complete

        return complete(cli, os.environ["_ADVISOR_COMPLETE"])
    try:
        with cli.make_context("advisor", args, obj=session) as ctx:
            cli.invoke(ctx)
    except click.exceptions.Exit as exit_:
        sys.stdout.flush()
        return exit_.exit_code
    sys.stdout.flush()
    return 0


def _report(error: Exception, session: Session) -> int:
    """Print one sentence about an error on stderr, and return the exit code."""
    if session.verbose:
        _say("".join(traceback.format_exception(error)).rstrip())
    if isinstance(error, click.ClickException):
        _say(f"error: {_usage_sentence(error)}")
        return error.exit_code
    if isinstance(error, AdvisorError):
        log = f" (log: {error.log})" if isinstance(error, ChildFailed) and error.log else ""
        _say(f"error: {_one_line(str(error))}{log}")
        return error.exit_code
    if isinstance(error, OSError) and (sentence := _os_sentence(error)):
        _drop_stdout()
        _say(f"error: {sentence}")
        return 2
    if isinstance(error, MemoryError):
        _say("error: this machine has run out of memory: close other programs, or try a smaller model")
        return 1
    _say(f"internal error: {type(error).__name__}: {_one_line(str(error))} ({_keep_traceback(error)})")
    return 1


def _usage_sentence(error: click.ClickException) -> str:
    message = _one_line(error.format_message())
    context = error.ctx if isinstance(error, click.UsageError) else None
    return message if context is None else f"{message} See: {context.command_path} --help"


def _os_sentence(error: OSError) -> str | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        where = f" while writing {str(error.filename)!r}" if error.filename else ""
        return f"the disk is full{where}: free some space and run the same command again"
    if error.filename is not None and error.strerror:
        return f"{str(error.filename)!r}: {error.strerror}"
    return None


def _keep_traceback(error: Exception) -> str:
    from advisor.paths import cache_dir

    text = "".join(traceback.format_exception(error))
    path = cache_dir() / "logs" / f"error-{os.getpid()}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return "run it again with -v to see the traceback"
    return f"the traceback is in {path}; -v shows it"


def _say(message: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        click.echo(message, err=True)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _drop_stdout() -> None:
    """Point stdout at nothing, so that the interpreter does not fail on flushing it when it ends."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
