"""The node ``damage_detector``: images in, one report per item out."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from damage_perception_msgs.msg import ItemAnnouncement
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from damage_perception.inspector import Inspector
from damage_perception.network.damage_network import DamageNetwork
from damage_perception.ros import qos
from damage_perception.ros.diagnostics import CameraState, DetectorState, diagnostic_array
from damage_perception.ros.messages import nanoseconds_of
from damage_perception.ros.outputs import Outputs
from damage_perception.ros.pairing import Pairing
from damage_perception.ros.parameters.documents import NODE
from damage_perception.ros.parameters.server import ParameterServer
from damage_perception.ros.parameters.table import Value
from damage_perception.ros.reception import Reception
from damage_perception.ros.services import Services
from damage_perception.ros.settings import (
    mounted_cameras,
    nanoseconds,
    policy_of,
    quality_of,
    with_limits,
)
from damage_perception.ros.share import default_model_card
from damage_perception.ros.transitions import explained
from damage_perception.ros.transport import image_transport
from damage_perception.ros.worker import Worker
from damage_perception.station import Station
from damage_perception.verdict.tracker import Announcement
