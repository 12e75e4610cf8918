"""Commands that speak ROS: demo, run, replay."""

COMMANDS = ()
