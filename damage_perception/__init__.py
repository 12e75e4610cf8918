"""Damage and anomaly perception for robot cells: RGB-D in, one report per item out."""

__version__ = "0.1.0"
