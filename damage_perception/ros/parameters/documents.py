"""What people read of the table: the commented YAML file and the README's table."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Final

from damage_perception.ros.parameters.parameter import Parameter, Value
from damage_perception.ros.parameters.table import CAMERA, TABLE

NODE: Final = "damage_detector"
BEGIN: Final = "<!-- parameters -->"
END: Final = "<!-- /parameters -->"
_WIDTH = 96


def yaml_text() -> str:
    """The content of config/damage_perception.yaml: every parameter with its default."""
    lines = [
        f"# Every parameter of {NODE} with its default, made from the table in",
        "# damage_perception/ros/parameters/table.py by",
        "# python -m damage_perception.ros.parameters --yaml. Copy it, and keep what differs.",
        "",
        "/**:",
        f"  {NODE}:",
        "    ros__parameters:",
    ]
    indent = " " * 6
    for parameter in TABLE:
        if CAMERA not in parameter.name:
            lines += ["", *_comment(parameter, indent), indent + _entry(parameter)]
    # One camera, by its default name, shows what every camera has.
    lines += ["", f"{indent}camera:"]
    indent += "  "
    for parameter in TABLE:
        if CAMERA in parameter.name:
            lines += ["", *_comment(parameter, indent), indent + _entry(parameter)]
    return "\n".join(lines).replace(":\n\n", ":\n") + "\n"


def markdown_text() -> str:
    """The README's table, with the markers around it."""
    lines = [
        BEGIN,
        "| parameter | type | default | range | changes | what it does |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for parameter in TABLE:
        default = f"`{_literal(parameter.default)}`"
        unit = f" {parameter.unit}" if parameter.unit else ""
        lines.append(
            f"| `{parameter.name}` | {parameter.type} | {default}{unit} | {_range(parameter)} "
            f"| {parameter.change.value} | {parameter.description} |"
        )
    return "\n".join([*lines, END])


def replace_table(readme: str) -> str:
    """``readme`` with the table between its markers renewed. Raises ValueError without them."""
    start, end = readme.find(BEGIN), readme.find(END)
    if start < 0 or end < start:
        raise ValueError(f"the markers {BEGIN} and {END} are not there")
    return readme[:start] + markdown_text() + readme[end + len(END) :]


def write(root: Path) -> None:
    """Renews both documents under the repository's ``root``."""
    (root / "config" / "damage_perception.yaml").write_text(yaml_text(), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(replace_table(readme.read_text(encoding="utf-8")), encoding="utf-8")


def _comment(parameter: Parameter, indent: str) -> list[str]:
    facts = [parameter.type]
    if parameter.unit:
        facts.append(parameter.unit)
    if parameter.bounds or parameter.choices or parameter.lengths:
        facts.append(_range(parameter))
    facts.append(f"changes {parameter.change.value}")
    text = f"{parameter.description} [{', '.join(facts)}]"
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
    )


def _entry(parameter: Parameter) -> str:
    return f"{parameter.name.replace(f'{CAMERA}.', '')}: {_literal(parameter.default)}"


def _literal(value: Value) -> str:
    return json.dumps(value)


def _range(parameter: Parameter) -> str:
    parts = []
    if parameter.bounds:
        parts.append("{:g} to {:g}".format(*parameter.bounds))
    if parameter.choices:
        parts.append(", ".join(parameter.choices))
    if parameter.lengths:
        parts.append(" or ".join(map(str, parameter.lengths)) + " values")
    return ", ".join(parts)
