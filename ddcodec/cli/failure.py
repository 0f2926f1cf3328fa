"""One line on stderr and an exit status for everything that goes wrong."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from ddcodec.errors import DdzError

INTERRUPTED = 130
_TRAIN_EXTRA = ("torch", "tomli_w")


def fail(error: BaseException, subject: str = "") -> NoReturn:
    """Print `ddcodec: subject: problem` and exit.

    Args: subject: the file in question, left out where the problem begins with it.
    """
    if isinstance(error, OSError):
        problem, subject = error.strerror or str(error), str(error.filename or subject)
    else:
        problem = str(error) or "not enough memory"
    line = " ".join(problem.split())
    if subject and not line.startswith(f"{subject}:"):
        line = f"{subject}: {line.replace(f' {subject}:', ':')}"
    click.echo(f"ddcodec: {line}", err=True)
    raise click.exceptions.Exit(getattr(error, "exit_code", 1))


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Failures in this block concern that file."""
    try:
        yield
    except (DdzError, MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # whoever read our output has gone; click ends quietly
        fail(error, subject)


class Commands(click.Group):
    """A group whose commands end in one line, never in a traceback, for any failure that is not a bug."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        try:
            with about(""):
                return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if error.name not in _TRAIN_EXTRA:
                raise
            fail(DdzError(f"{error.name} is not installed; install ddcodec[train]"))
        except (KeyboardInterrupt, click.Abort):
            click.echo("ddcodec: interrupted", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
