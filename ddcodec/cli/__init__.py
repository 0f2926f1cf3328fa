"""The command line: parses, calls, prints."""

from ddcodec.cli.app import main

__all__ = ["main"]
