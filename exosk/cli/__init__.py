"""The command line: parse, call, print."""

from exosk.cli.app import main

__all__ = ["main"]
