"""Keys, certificates and signatures as sros2 makes them (sros2/_utilities.py).

Needs the Python package cryptography.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

AUTHORITY: Final = "sros2CA"
_DAYS: Final = 3650


class NoCryptographyError(RuntimeError):
    """The package cryptography is not installed; the text says what to install."""


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, of cryptography."""

    certificate: Any
    key: Any

    @property
    def validity(self) -> tuple[datetime, datetime]:
        """Between which moments the certificate holds, UTC."""
        return moments(self.certificate)

    def sign(self, content: str) -> bytes:
        """``content``, readable, with its signature: S/MIME, PKCS #7."""
        _need()
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

        builder = pkcs7.PKCS7SignatureBuilder().set_data(content.encode())
        builder = builder.add_signer(self.certificate, self.key, hashes.SHA256())
        options = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]
        return builder.sign(Encoding.SMIME, options)


def new_identity(name: str, authority: Identity | None = None) -> Identity:
    """A new key with a certificate of ten years for ``name``.

    authority  signs it; None: it is an authority itself
    """
    _need()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    # DDS Security 1.1, 9.3.1: prime256v1, which is SECP256R1.
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer = subject if authority is None else authority.certificate.subject
    now = datetime.now(timezone.utc)
    is_authority = authority is None
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        # Clocks of the machines of a cell may differ.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_DAYS))
        .public_key(key.public_key())
        .add_extension(
            x509.BasicConstraints(ca=is_authority, path_length=1 if is_authority else None),
            critical=is_authority,
        )
    )
    signer = key if authority is None else authority.key
    return Identity(builder.sign(signer, hashes.SHA256()), key)


def save(identity: Identity, certificate: Path, key: Path) -> None:
    """Writes both as PEM; only the user can read the key."""
    _need()
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    certificate.write_bytes(identity.certificate.public_bytes(Encoding.PEM))
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def load(certificate: Path, key: Path) -> Identity:
    """What ``save`` wrote. Raises OSError, and ValueError where a file is not understood."""
    _need()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return Identity(
        load_certificate(certificate), load_pem_private_key(key.read_bytes(), password=None)
    )


def load_certificate(file: Path) -> Any:
    """A certificate of cryptography. Raises OSError, and ValueError where it is none."""
    _need()
    from cryptography import x509

    return x509.load_pem_x509_certificate(file.read_bytes())


def moments(certificate: Any) -> tuple[datetime, datetime]:
    """Between which moments a certificate holds, UTC."""
    # Before cryptography 42 the moments have no time zone.
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    utc = timezone.utc
    begin, end = certificate.not_valid_before, certificate.not_valid_after
    return begin.replace(tzinfo=utc), end.replace(tzinfo=utc)


def _need() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise NoCryptographyError(
            f"keys need the Python package cryptography: pip install cryptography ({error})"
        ) from error
