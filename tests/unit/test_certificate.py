"""A certificate that cannot be used is refused with its cause."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.certificates import Pair, lock_key, new_authority
from txplatform.api.certificate import Certificate, CertificateError


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that are right, and others."""
    folder = tmp_path_factory.mktemp("files")
    authority = new_authority(folder / "authority")
    first, second = authority.issue("first"), authority.issue("second")
    lock_key(first.key, folder / "locked")
    (folder / "empty").touch()
    return {
        "certificate": first.certificate,
        "key": first.key,
        "another key": second.key,
        "locked key": folder / "locked",
        "empty": folder / "empty",
        "missing": folder / "missing",
        "folder": folder,
    }


@pytest.mark.parametrize(
    ("certificate", "key", "cause"),
    [
        ("certificate", "another key", "The key does not belong to the certificate."),
        ("certificate", "locked key", "The key has a passphrase."),
        ("certificate", "certificate", "A file has no certificate, or no key, in PEM."),
        ("key", "key", "A file has no certificate, or no key, in PEM."),
        ("empty", "key", "A file has no certificate, or no key, in PEM."),
        ("certificate", "missing", "missing: No such file or directory."),
        ("folder", "key", "Is a directory."),
    ],
)
def test_the_cause_is_told(files: dict[str, Path], certificate: str, key: str, cause: str) -> None:
    pair = Pair(files[certificate], files[key])
    with pytest.raises(CertificateError) as refused:
        Certificate(*pair)
    assert refused.value.why.endswith(cause)
    assert "TXPLATFORM_API_TLS_KEY_FILE" in refused.value.next_step
