"""The program: a group of commands, each in a file with its kind."""

import click

import ddcodec
from ddcodec.cli import importing, judging, labels, looking, merging, ranking, reading, running, showing, sweeping
from ddcodec.cli.failure import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(ddcodec.__version__, prog_name="ddcodec")
def main() -> None:
    """A codec for distilled image data sets (.ddz)."""


COMMANDS: tuple[click.Command, ...] = (
    *running.COMMANDS,
    *sweeping.COMMANDS,
    *importing.COMMANDS,
    *judging.COMMANDS,
    *ranking.COMMANDS,
    *merging.COMMANDS,
    *reading.COMMANDS,
    *showing.COMMANDS,
    *looking.COMMANDS,
    *labels.COMMANDS,
)
for command in COMMANDS:
    main.add_command(command)
