"""The nodes' parameters: a table each, the check of values against it, and what is made from them.

Nothing here but ``server`` needs ROS.
"""

from damage_perception.ros.parameters.check import ParameterError, check_values, parse_value
from damage_perception.ros.parameters.parameter import Change, Parameter
from damage_perception.ros.parameters.table import TABLE, parameters_of

__all__ = [
    "TABLE",
    "Change",
    "Parameter",
    "ParameterError",
    "check_values",
    "parameters_of",
    "parse_value",
]
