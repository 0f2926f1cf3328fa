"""Calling the program as a user does."""

from click.testing import CliRunner

from ddcodec.cli import main
from ddcodec.pipeline import encode_set
from tests.small_models import META, MODELS


def call(*arguments, code=0):
    """Result of a command that ends with `code`."""
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done


def complaint(*arguments, code=1):
    """The one line that a command fails with."""
    done = call(*arguments, code=code)
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("ddcodec: ")
    return done.stderr.removeprefix("ddcodec: ").rstrip()


def write(path, coded=MODELS["pyramid"], metadata=META, **options):
    """A small file."""
    path.write_bytes(encode_set(coded, metadata, **options))
    return path
