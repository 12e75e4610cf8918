"""The keystore of SROS 2: made by the package sros2 where that is installed, otherwise here.

KEYSTORE/public/ca.cert.pem           certificate of the authority; and under the names
                                      identity_ca.cert.pem, permissions_ca.cert.pem
KEYSTORE/private/ca.key.pem           its key; and identity_ca.key.pem, permissions_ca.key.pem
KEYSTORE/enclaves/governance.p7s      what holds for all, signed
KEYSTORE/enclaves/PATH/               cert.pem, key.pem, permissions.p7s of an enclave, and
                                      links to the three above
KEYSTORE/damage_perception.policy.xml what the permissions say, for ros2 security
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

from damage_perception.security import certificates
from damage_perception.security.permissions import governance_xml, permissions_xml
from damage_perception.security.policy import Enclave, policy_xml

POLICY: Final = "damage_perception.policy.xml"
_CERTIFICATES: Final = ("identity_ca.cert.pem", "permissions_ca.cert.pem")
_KEYS: Final = ("identity_ca.key.pem", "permissions_ca.key.pem")
_DOMAIN: Final = "ROS_DOMAIN_ID"


class KeystoreError(ValueError):
    """A folder that is something else, or a keystore that lacks something."""


def make_keystore(folder: Path, enclaves: Sequence[Enclave], domain: int) -> str:
    """Makes a keystore with ``enclaves``, or renews their permissions in one that is there.

    Keys that are there stay, as do other enclaves. Returns what made it, for people. Raises
    OSError, KeystoreError where the folder is something else, and NoCryptographyError.
    """
    if folder.is_dir() and any(folder.iterdir()) and not is_keystore(folder):
        raise KeystoreError(f"{folder} is not empty and no keystore: choose another folder")
    sros2 = _sros2()
    folder.mkdir(parents=True, exist_ok=True)
    policy = folder / POLICY
    if sros2 is not None:
        policy.write_text(policy_xml(enclaves), encoding="utf-8")
        try:
            _make_with(sros2, folder, enclaves, policy, domain)
        except Exception as error:  # whatever it and the packages below it raise
            raise KeystoreError(f"sros2 failed: {type(error).__name__}: {error}") from error
        return "the package sros2"
    authority = _authority(folder)
    (folder / "enclaves").mkdir(exist_ok=True)
    _sign_into(folder / "enclaves", "governance", governance_xml(domain), authority)
    for enclave in enclaves:
        _make_enclave(folder, enclave, domain, authority)
    policy.write_text(policy_xml(enclaves), encoding="utf-8")
    return "damage_perception"


def is_keystore(folder: Path) -> bool:
    """Whether ``folder`` is a keystore, as sros2 asks it."""
    public, private = folder / "public", folder / "private"
    wanted = [*(public / name for name in _CERTIFICATES), *(private / name for name in _KEYS)]
    return all(file.is_file() for file in (*wanted, folder / "enclaves" / "governance.p7s"))


def enclave_folder(keystore: Path, path: str) -> Path:
    """Where the files of an enclave are."""
    return keystore / "enclaves" / path.lstrip("/")


def _authority(folder: Path) -> certificates.Identity:
    public, private = folder / "public", folder / "private"
    certificate, key = public / "ca.cert.pem", private / "ca.key.pem"
    if is_keystore(folder):
        return certificates.load(public / _CERTIFICATES[1], private / _KEYS[1])
    authority = certificates.new_identity(certificates.AUTHORITY)
    public.mkdir(exist_ok=True)
    private.mkdir(mode=0o700, exist_ok=True)
    certificates.save(authority, certificate, key)
    for names, file in ((_CERTIFICATES, certificate), (_KEYS, key)):
        for name in names:
            _link(file, file.parent / name)
    return authority


def _make_enclave(
    keystore: Path, enclave: Enclave, domain: int, authority: certificates.Identity
) -> None:
    folder = enclave_folder(keystore, enclave.path)
    folder.mkdir(parents=True, exist_ok=True)
    for name in _CERTIFICATES:
        _link(keystore / "public" / name, folder / name)
    _link(keystore / "enclaves" / "governance.p7s", folder / "governance.p7s")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    if certificate.is_file() and key.is_file():
        identity = certificates.load(certificate, key)
    else:
        identity = certificates.new_identity(enclave.path, authority)
        certificates.save(identity, certificate, key)
    permissions = permissions_xml(enclave, domain, *identity.validity)
    _sign_into(folder, "permissions", permissions, authority)


def _sign_into(folder: Path, name: str, content: str, authority: certificates.Identity) -> None:
    (folder / f"{name}.xml").write_text(content, encoding="utf-8")
    (folder / f"{name}.p7s").write_bytes(authority.sign(content))


def _link(file: Path, link: Path) -> None:
    """Links as sros2 does, by a relative path: a keystore may be copied to another place."""
    if link.is_symlink() or link.exists():
        link.unlink()
    link.symlink_to(os.path.relpath(file, link.parent))


def _sros2() -> ModuleType | None:
    try:
        from sros2 import keystore
    except Exception:  # where ROS is not sourced, it raises more than ImportError
        return None
    module: ModuleType = keystore
    return module


def _make_with(
    sros2: ModuleType, folder: Path, enclaves: Sequence[Enclave], policy: Path, domain: int
) -> None:
    with _in_domain(domain):
        if not is_keystore(folder):
            sros2.create_keystore(folder)
        for enclave in enclaves:
            sros2.create_enclave(folder, enclave.path)
            sros2.create_permission(folder, enclave.path, policy)


@contextmanager
def _in_domain(domain: int) -> Iterator[None]:
    """sros2 takes the domain from the environment."""
    before = os.environ.get(_DOMAIN)
    os.environ[_DOMAIN] = str(domain)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_DOMAIN]
        else:
            os.environ[_DOMAIN] = before
