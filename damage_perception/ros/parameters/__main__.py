"""Prints or renews what is made from the table: ``python -m damage_perception.ros.parameters``."""

import argparse
from pathlib import Path

from damage_perception.ros.parameters import documents

parser = argparse.ArgumentParser(prog="python -m damage_perception.ros.parameters")
action = parser.add_mutually_exclusive_group(required=True)
action.add_argument("--yaml", action="store_true", help="print config/damage_perception.yaml")
action.add_argument("--write", metavar="ROOT", type=Path, help="renew both in the repository")
arguments = parser.parse_args()
if arguments.yaml:
    print(documents.yaml_text(), end="")
else:
    documents.write(arguments.write)
