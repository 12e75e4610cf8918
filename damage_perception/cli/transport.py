"""How images travel to a command that speaks ROS."""

import os


def use_large_image_transport() -> None:
    """Sets the Fast DDS profile, unless the environment names one; before ROS is imported."""
    from damage_perception.ros.transport import profile_variable
    from damage_perception.share import dds_profile

    os.environ.setdefault(profile_variable(), str(dds_profile()))
