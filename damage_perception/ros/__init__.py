"""The ROS layer: converts, schedules and reports; it decides nothing."""
