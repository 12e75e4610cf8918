"""Options that several commands share: a dataclass of them is one parameter of a command."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter
from typing import Any

Command = Callable[..., None]


def grouped(command: Command) -> Command:
    """``command`` as typer takes it: in place of a dataclass, an option for each of its fields."""
    signature = inspect.signature(command)
    groups: dict[str, Any] = {}
    options = []
    for name, parameter in signature.parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            options += [
                Parameter(
                    field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
                )
                for field in fields(parameter.annotation)
            ]
        else:
            options.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    # typer reads both, and would find the command's own behind the wrapper.
    del run.__wrapped__
    run.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in options}
    return run
