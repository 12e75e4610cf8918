"""Whether nodes that are started here are protected by SROS 2, and what is in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Final, Literal

from damage_perception.security import certificates
from damage_perception.security.keystore import is_keystore

ENABLE: Final = "ROS_SECURITY_ENABLE"
STRATEGY: Final = "ROS_SECURITY_STRATEGY"
KEYSTORE: Final = "ROS_SECURITY_KEYSTORE"
ENFORCE: Final = "Enforce"
_SOON: Final = timedelta(days=30)
_TIMEOUT_S: Final = 30.0
# In a process of its own, with an enclave that is empty: a middleware with security says what it
# lacks, one without says that it has none.
_ENCLAVE: Final = "/probe"
_PROBE: Final = f"""
import rclpy
rclpy.init(args=["probe", "--ros-args", "--enclave", "{_ENCLAVE}"])
rclpy.create_node("security_probe", enable_rosout=False)
"""
# rmw_fastrtps and rmw_cyclonedds, where they were built without.
_WITHOUT: Final = ("have the security libraries", "does not have security support")


@dataclass(frozen=True)
class SecurityState:
    """What was found, in the words of a finding of `damage-perception doctor`."""

    state: Literal["ok", "warning", "missing"]
    detail: str
    mend: str = ""


def examine_security(environment: Mapping[str, str] = os.environ) -> SecurityState:
    """Whether nodes with this environment are protected. Takes a second."""
    if environment.get(ENABLE) != "true":
        without = middleware_without_security(environment)
        could = f"cannot be switched on here: {without}" if without else "`secure` makes keys"
        return SecurityState("ok", f"off: who is on the network hears and says anything; {could}")
    given = environment.get(KEYSTORE, "")
    folder = Path(given)
    if not given or not is_keystore(folder):
        return SecurityState(
            "missing",
            f"on, but {KEYSTORE} is {given or 'not set'}; expected a keystore",
            "make one: damage-perception secure KEYSTORE",
        )
    without = middleware_without_security(environment)
    if without:
        return SecurityState(
            "missing",
            f"on, but nodes do not start: {without}",
            "install ROS 2 with its middleware from packages.ros.org, or build Fast DDS with "
            "-DSECURITY=ON",
        )
    return _of_keystore(folder, environment.get(STRATEGY, ""))


def middleware_without_security(environment: Mapping[str, str] = os.environ) -> str:
    """Why the middleware that rclpy uses cannot protect anything; empty where it can."""
    with tempfile.TemporaryDirectory() as keystore:
        (Path(keystore) / "enclaves" / _ENCLAVE.strip("/")).mkdir(parents=True)
        asked = {ENABLE: "true", STRATEGY: ENFORCE, KEYSTORE: keystore}
        try:
            answer = subprocess.run(
                [sys.executable, "-c", _PROBE],
                env={**environment, **asked},
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            return f"a node was not made within {_TIMEOUT_S:.0f} s"
    said = answer.stderr
    if "No module named" in said:
        return "rclpy is missing"
    if any(text in said for text in _WITHOUT):
        return "this build of the middleware has no security"
    return ""


def _of_keystore(folder: Path, strategy: str) -> SecurityState:
    enclaves = sorted((folder / "enclaves").rglob("cert.pem"))
    if not enclaves:
        mend = f"damage-perception secure {folder}"
        return SecurityState("missing", f"on, but {folder} has no enclaves", mend)
    detail = f"on, {len(enclaves)} enclaves in {folder}"
    ends = _ends(enclaves)
    if ends is not None and ends - datetime.now(timezone.utc) < _SOON:
        mend = f"delete its cert.pem and call damage-perception secure {folder}"
        return SecurityState("warning", f"{detail}; a certificate ends on {ends:%Y-%m-%d}", mend)
    if strategy != ENFORCE:
        return SecurityState(
            "warning",
            f"{detail}; {STRATEGY} is {strategy or 'not set'}: a node without an enclave starts "
            "unprotected",
            f"export {STRATEGY}={ENFORCE}",
        )
    return SecurityState("ok", detail)


def _ends(files: list[Path]) -> datetime | None:
    """When the first certificate ends; None where cryptography, which reads them, is missing."""
    try:
        return min(certificates.moments(certificates.load_certificate(file))[1] for file in files)
    except certificates.NoCryptographyError:
        return None
