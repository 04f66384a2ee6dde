"""Certificates the tests make: authorities, and who they vouch for, as PEM files."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


class Authority:
    """Vouches for others with a root of its own."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name = folder, _named(name)
        self._key = rsa.generate_private_key(65537, 2048)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        made = _begun(self._name, self._name, self._key, -1, 30)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), True).add_extension(usage, True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        self.file = folder / "ca.pem"
        self.file.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(
        self, stem: str, names: Sequence[str] = ("127.0.0.1",), *, first: int = -1, last: int = 30, password: str = ""
    ) -> Pair:
        """For these hosts, valid from day `first` to day `last` counted from today; the key locked where there is a password."""
        key = rsa.generate_private_key(65537, 2048)
        made = _begun(_named(stem), self._name, key, first, last)
        made = made.add_extension(x509.SubjectAlternativeName([_host(one) for one in names]), False)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = made.add_extension(authority, False)
        pair = Pair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key")
        pair.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        locked = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, locked))
        return pair


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begun(subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, first: int, last: int) -> x509.CertificateBuilder:
    today = datetime.now(UTC)
    made = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    made = made.serial_number(x509.random_serial_number())
    return made.not_valid_before(today + timedelta(first)).not_valid_after(today + timedelta(last))
