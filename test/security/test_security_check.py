"""What doctor says of security: off, on, or on and in the way."""

import os
from datetime import datetime, timedelta, timezone

import pytest

pytest.importorskip("cryptography", reason="cryptography is not installed")

from damage_perception.security import certificates, check
from damage_perception.security.check import ENABLE, KEYSTORE, STRATEGY, examine_security
from damage_perception.security.keystore import make_keystore
from damage_perception.security.nodes import cell_enclaves


@pytest.fixture
def on(tmp_path, monkeypatch):
    """An environment with a keystore, and a middleware with security."""
    make_keystore(tmp_path / "keystore", cell_enclaves(), 0)
    monkeypatch.setattr(check, "middleware_without_security", lambda environment: "")
    return {ENABLE: "true", STRATEGY: "Enforce", KEYSTORE: str(tmp_path / "keystore")}


def test_off_is_no_fault_and_is_said():
    found = examine_security({})
    assert found.state == "ok" and found.detail.startswith("off")


@pytest.mark.parametrize("given", ["", "/nowhere"])
def test_on_without_a_keystore_is_said(given):
    found = examine_security({ENABLE: "true", KEYSTORE: given})
    assert found.state == "missing" and "expected a keystore" in found.detail
    assert "damage-perception secure" in found.mend


def test_on_with_all_it_takes(on):
    found = examine_security(on)
    assert (found.state, found.mend) == ("ok", "") and "7 enclaves" in found.detail


def test_nodes_that_may_start_unprotected_are_a_warning(on):
    found = examine_security(on | {STRATEGY: "Permissive"})
    assert found.state == "warning" and "starts unprotected" in found.detail


def test_a_certificate_that_ends_soon_is_a_warning(on, monkeypatch):
    soon = datetime.now(timezone.utc) + timedelta(days=10)
    monkeypatch.setattr(certificates, "moments", lambda certificate: (soon, soon))
    found = examine_security(on)
    assert found.state == "warning" and f"{soon:%Y-%m-%d}" in found.detail


def test_a_middleware_without_security_is_said(on, monkeypatch):
    monkeypatch.setattr(check, "middleware_without_security", lambda environment: "it has none")
    found = examine_security(on)
    assert found.state == "missing" and found.detail.endswith("nodes do not start: it has none")


@pytest.mark.ros
def test_a_real_middleware_is_asked():
    pytest.importorskip("rclpy", reason="the ROS client library is not installed")
    why = check.middleware_without_security(os.environ)
    assert why in ("", "this build of the middleware has no security")


def test_without_rclpy_it_is_said(monkeypatch, tmp_path):
    (tmp_path / "rclpy.py").write_text("raise ModuleNotFoundError(\"No module named 'rclpy'\")")
    why = check.middleware_without_security({**os.environ, "PYTHONPATH": str(tmp_path)})
    assert why == "rclpy is missing"
