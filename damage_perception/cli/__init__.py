"""The command line: damage-perception."""

from damage_perception.cli.main import main

__all__ = ["main"]
