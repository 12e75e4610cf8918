"""What people read of the table: the commented YAML file and the README's table."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from damage_perception.ros.parameters.node_table import NODES, NodeTable
from damage_perception.ros.parameters.parameter import Parameter, Value
from damage_perception.ros.parameters.table import CAMERA

_WIDTH = 96


def yaml_text() -> str:
    """The content of config/damage_perception.yaml: every parameter with its default."""
    lines = [
        "# Every parameter of the nodes with its default, made from the tables in",
        "# damage_perception/ros/parameters/ by python -m damage_perception.ros.parameters --yaml.",
        "# Copy it, and keep what differs.",
        "",
        "/**:",
    ]
    for table in NODES:
        lines += [f"  {table.node}:", "    ros__parameters:"]
        indent = " " * 6
        for parameter in table.rows:
            if CAMERA not in parameter.name:
                lines += ["", *_comment(parameter, indent), indent + _entry(parameter)]
        of_cameras = [parameter for parameter in table.rows if CAMERA in parameter.name]
        if of_cameras:
            # One camera, by its default name, shows what every camera has.
            lines += ["", f"{indent}camera:"]
        for parameter in of_cameras:
            lines += ["", *_comment(parameter, indent + "  "), f"{indent}  {_entry(parameter)}"]
        lines.append("")
    return "\n".join(lines).replace(":\n\n", ":\n")


def markdown_text(table: NodeTable) -> str:
    """The README's table of a node, with the markers around it."""
    begin, end = _markers(table)
    lines = [
        begin,
        "| parameter | type | default | range | changes | what it does |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for parameter in table.rows:
        default = f"`{_literal(parameter.default)}`"
        unit = f" {parameter.unit}" if parameter.unit else ""
        lines.append(
            f"| `{parameter.name}` | {parameter.type} | {default}{unit} | {_range(parameter)} "
            f"| {parameter.change.value} | {parameter.description} |"
        )
    return "\n".join([*lines, end])


def replace_tables(readme: str) -> str:
    """``readme`` with the tables between their markers renewed. Raises ValueError without them."""
    for table in NODES:
        begin, end = _markers(table)
        start, stop = readme.find(begin), readme.find(end)
        if start < 0 or stop < start:
            raise ValueError(f"the markers {begin} and {end} are not there")
        readme = readme[:start] + markdown_text(table) + readme[stop + len(end) :]
    return readme


def write(root: Path) -> None:
    """Renews both documents under the repository's ``root``."""
    (root / "config" / "damage_perception.yaml").write_text(yaml_text(), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(replace_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")


def _markers(table: NodeTable) -> tuple[str, str]:
    return f"<!-- parameters of {table.node} -->", f"<!-- /parameters of {table.node} -->"


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
