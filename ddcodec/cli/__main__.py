"""`python -m ddcodec.cli`."""

from ddcodec.cli.app import main

main(prog_name="ddcodec")
