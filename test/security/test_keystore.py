"""A keystore has what sros2 puts there, signed by its authority; keys stay, permissions follow."""

import os
import shutil
import stat
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
from typer import Typer
from typer.testing import CliRunner

pytest.importorskip("cryptography", reason="cryptography is not installed")

from damage_perception.cli import secure
from damage_perception.cli.terminal import Failure
from damage_perception.security import certificates
from damage_perception.security.certificates import NoCryptographyError
from damage_perception.security.keystore import (
    KeystoreError,
    enclave_folder,
    is_keystore,
    make_keystore,
)
from damage_perception.security.nodes import cell_enclaves

PATH = "/cell_1/damage_detector"
# As the real sros2 leaves it, with the policy file beside.
FILES = {
    "cert.pem",
    "key.pem",
    "governance.p7s",
    "permissions.p7s",
    "permissions.xml",
    "identity_ca.cert.pem",
    "permissions_ca.cert.pem",
}


@pytest.fixture
def keystore(tmp_path):
    """A keystore of a cell, for domain 3."""
    folder = tmp_path / "keystore"
    assert make_keystore(folder, cell_enclaves("cell_1", ("front",)), 3) == "damage_perception"
    return folder


def verified(keystore, file, authority):
    """What is signed in ``file``, with the signature held against the authority's certificate."""
    command = ["openssl", "smime", "-verify", "-text", "-in", str(file)]
    done = subprocess.run(
        [*command, "-CAfile", str(keystore / "public" / authority)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\r\n", "\n").strip()


def test_an_enclave_has_the_files_of_sros2(keystore):
    assert is_keystore(keystore)
    folder = enclave_folder(keystore, PATH)
    assert {file.name for file in folder.iterdir()} == FILES
    for name in ("governance.p7s", "identity_ca.cert.pem", "permissions_ca.cert.pem"):
        assert not (folder / name).readlink().is_absolute() and (folder / name).is_file()


def test_keys_are_for_the_user_alone(keystore):
    for file in (keystore / "private" / "ca.key.pem", enclave_folder(keystore, PATH) / "key.pem"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((keystore / "private").stat().st_mode) == 0o700


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_what_is_signed_is_what_stands_beside_it(keystore):
    folder = enclave_folder(keystore, PATH)
    signed = verified(keystore, folder / "permissions.p7s", "permissions_ca.cert.pem")
    assert signed == (folder / "permissions.xml").read_text().strip()
    assert "<id>3</id>" in signed and f"CN={PATH}" in signed
    governance = verified(keystore, folder / "governance.p7s", "permissions_ca.cert.pem")
    assert "<id>3</id>" in governance
    spoilt = folder / "permissions.p7s"
    spoilt.write_bytes(
        spoilt.read_bytes().replace(b"damage_detector/reports", b"damage_detector/*")
    )
    with pytest.raises(AssertionError, match=r"(?i)digest|verif"):
        verified(keystore, spoilt, "permissions_ca.cert.pem")


def test_a_certificate_is_of_the_authority_and_names_its_enclave(keystore):
    certificate = certificates.load_certificate(enclave_folder(keystore, PATH) / "cert.pem")
    authority = certificates.load_certificate(keystore / "public" / "identity_ca.cert.pem")
    assert certificate.subject.rfc4514_string() == f"CN={PATH}"
    assert certificate.issuer == authority.subject
    certificate.verify_directly_issued_by(authority)
    begin, end = certificates.moments(certificate)
    assert 3640 < (end - begin).days < 3660


def test_called_again_keys_stay_permissions_follow_and_others_are_let_be(keystore):
    folder, other = enclave_folder(keystore, PATH), enclave_folder(keystore, "/other")
    key, permissions = (folder / "key.pem").read_bytes(), (folder / "permissions.xml").read_text()
    shutil.copytree(folder, other, symlinks=True)
    make_keystore(keystore, cell_enclaves("cell_1", ("front", "top")), 3)
    assert (folder / "key.pem").read_bytes() == key
    assert "rt/cell_1/top/color/image_raw" not in permissions
    assert "rt/cell_1/top/color/image_raw" in (folder / "permissions.xml").read_text()
    assert (other / "permissions.xml").read_text() == permissions
    assert "top/color/image_raw" in (keystore / "damage_perception.policy.xml").read_text()


def test_a_folder_of_something_else_is_let_be(tmp_path):
    (tmp_path / "work.txt").write_text("")
    with pytest.raises(KeystoreError, match="is not empty and no keystore"):
        make_keystore(tmp_path, cell_enclaves(), 0)
    assert [file.name for file in tmp_path.iterdir()] == ["work.txt"]


def test_without_cryptography_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(NoCryptographyError, match="pip install cryptography"):
        make_keystore(tmp_path / "keystore", cell_enclaves(), 0)


def test_certificates_of_an_older_cryptography_have_moments_too(keystore):
    file = enclave_folder(keystore, PATH) / "cert.pem"
    begin, end = certificates.moments(certificates.load_certificate(file))
    naive = {
        "not_valid_before": begin.replace(tzinfo=None),
        "not_valid_after": end.replace(tzinfo=None),
    }
    assert certificates.moments(SimpleNamespace(**naive)) == (begin, end)


@pytest.fixture
def sros2(monkeypatch):
    """In the place of the package sros2: notes what is asked of it, and in which domain."""
    asked = []

    def noting(name):
        def note(*arguments):
            if name == "create_enclave" and arguments[1] == "/broken/operator":
                raise TypeError("curve must be an instance")
            asked.append((name, *arguments[1:], os.environ["ROS_DOMAIN_ID"]))

        return note

    keystore = ModuleType("sros2.keystore")
    for name in ("create_keystore", "create_enclave", "create_permission"):
        setattr(keystore, name, noting(name))
    package = ModuleType("sros2")
    package.keystore = keystore
    monkeypatch.setitem(sys.modules, "sros2", package)
    monkeypatch.setitem(sys.modules, "sros2.keystore", keystore)
    monkeypatch.setenv("ROS_DOMAIN_ID", "9")
    return asked


def test_where_sros2_is_installed_it_makes_the_keystore(sros2, tmp_path):
    assert make_keystore(tmp_path / "keystore", cell_enclaves("cell_1"), 4) == "the package sros2"
    assert sros2[0] == ("create_keystore", "4")
    assert ("create_enclave", PATH, "4") in sros2
    policy = tmp_path / "keystore" / "damage_perception.policy.xml"
    assert ("create_permission", PATH, policy, "4") in sros2
    assert f'path="{PATH}"' in policy.read_text()
    assert os.environ["ROS_DOMAIN_ID"] == "9"


def test_what_sros2_raises_is_one_line(sros2, tmp_path):
    with pytest.raises(KeystoreError, match="sros2 failed: TypeError: curve must"):
        make_keystore(tmp_path / "keystore", cell_enclaves("broken"), 0)


def called(*arguments, **environment):
    app = Typer()
    for command in secure.COMMANDS:
        app.command()(command)
    return CliRunner().invoke(app, [str(part) for part in arguments], env=environment)


def test_the_command_tells_how_to_run_the_nodes(tmp_path):
    folder = tmp_path / "keystore"
    done = called(folder, "--namespace", "/cell_1", "--camera", "front", ROS_DOMAIN_ID="12")
    assert done.exit_code == 0, done.output
    assert (
        f"ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce ROS_SECURITY_KEYSTORE={folder}"
        in (done.output)
    )
    assert f"--enclave {PATH}" in done.output
    assert "<id>12</id>" in (enclave_folder(folder, PATH) / "permissions.xml").read_text()


@pytest.mark.parametrize(
    ("arguments", "domain", "said"),
    [
        (["--camera", "a b"], "0", "'a b' is no name of ROS"),
        ([], "many", "ROS_DOMAIN_ID is 'many'"),
    ],
)
def test_a_wrong_input_is_one_line(tmp_path, arguments, domain, said):
    done = called(tmp_path / "keystore", *arguments, ROS_DOMAIN_ID=domain)
    assert isinstance(done.exception, Failure) and said in str(done.exception)
