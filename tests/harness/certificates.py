"""Certificates of a certificate authority that a test makes with openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.debian import program

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")


class Pair(NamedTuple):
    """The PEM files of a certificate and of its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """An authority whose certificates are for this machine."""

    folder: Path
    certificate: Path

    def issue(self, name: str, *, days: int = 30) -> Pair:
        """Issue a certificate for a server or a client; with negative days, it has expired."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        alternatives = "subjectAltName=IP:127.0.0.1,DNS:localhost"
        subject = ("-subj", f"/CN={name}", "-addext", alternatives)
        _openssl("req", *_NEW_KEY, "-keyout", pair.key, "-out", request, *subject)
        _openssl(
            *("x509", "-req", "-in", request, "-out", pair.certificate, "-days", str(days)),
            *("-CA", self.certificate, "-CAkey", self.folder / "ca.key"),
            *("-copy_extensions", "copyall"),
        )
        return pair


def new_authority(folder: Path) -> Authority:
    """Make an authority that keeps its files in a folder, which is created."""
    folder.mkdir(parents=True)
    certificate = folder / "ca.pem"
    _openssl(
        *("req", "-x509", *_NEW_KEY, "-keyout", folder / "ca.key", "-out", certificate),
        *("-subj", f"/CN={folder.name}", "-days", "30"),
    )
    return Authority(folder, certificate)


def lock_key(key: Path, locked: Path) -> None:
    """Write a private key with a passphrase."""
    _openssl("pkey", "-in", key, "-out", locked, "-aes256", "-passout", "pass:s3cret")


def _openssl(*words: str | Path) -> None:
    subprocess.run([program("openssl"), *words], check=True, capture_output=True)
