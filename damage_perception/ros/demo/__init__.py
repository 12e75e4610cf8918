"""Nodes and commands around the detector that show it at work without a cell."""
