"""The API's TLS certificate, which is read again when its files change."""

import ssl
import threading
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import uvloop
from typing_extensions import override

from txplatform.errors import TxPlatformError
from txplatform.telemetry import FaultLog, logger

CHECK_EVERY_S = 2
"""The interval at which the files are compared with the pair in use."""

_HANDSHAKE_S = 10
"""The time for a client's handshake; uvloop's default is 60 s."""

_OTHER_KEY = "The key does not belong to the certificate."
_CAUSES = {
    "KEY_VALUES_MISMATCH": _OTHER_KEY,
    "KEY_TYPE_MISMATCH": _OTHER_KEY,
    "PEM lib": "A file has no certificate, or no key, in PEM.",
}
"""Parts of OpenSSL's errors, and their meaning."""


class TlsLoop(uvloop.Loop):
    """An event loop that ends connections whose handshake takes too long."""

    @override
    async def create_server(self, *args: Any, **options: Any) -> Any:
        """Listen as uvloop does, but give a handshake less time."""
        return await super().create_server(*args, ssl_handshake_timeout=_HANDSHAKE_S, **options)


class CertificateError(TxPlatformError):
    """The files with the certificate and the key cannot be used."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "The TLS certificate of the API cannot be used.",
            why=why,
            next_step="Check the files that TXPLATFORM_API_TLS_CERTIFICATE_FILE and "
            "TXPLATFORM_API_TLS_KEY_FILE name.",
        )


class Certificate:
    """A certificate with its private key, for the server side of TLS 1.2 and 1.3.

    Attributes:
        context: The context of all connections. A new connection gets the newest pair; open
            connections keep theirs.
    """

    def __init__(self, certificate_file: Path, key_file: Path) -> None:
        """Read the files.

        Raises:
            CertificateError: The files cannot be used.
        """
        self._certificate_file, self._key_file = certificate_file, key_file
        self._digests = self._read_digests()
        self._newest = self._load()
        self.context = self._load()
        # Called for every handshake, also without a server name (SNI). `load_cert_chain` on the
        # context in use would leave half a pair there if the files change meanwhile.
        self.context.sni_callback = self._use_newest
        self._log = logger("certificate")
        self._faults = FaultLog(self._log, line="cannot use the new certificate, the old one stays")

    def follow_files(self) -> None:
        """Start a thread that reads the files again when they change."""
        threading.Thread(target=self._follow_files, name="certificate", daemon=True).start()

    def renew(self) -> None:
        """Use the files for new connections if they changed. Log why if they cannot be used."""
        try:
            digests = self._read_digests()
            if digests != self._digests:
                self._newest, self._digests = self._load(), digests
                self._log.info("certificate renewed")
        except CertificateError as error:
            self._faults.failed(error)
        else:
            self._faults.succeeded()

    def _follow_files(self) -> None:
        while True:
            time.sleep(CHECK_EVERY_S)
            self.renew()

    def _use_newest(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._newest

    def _read_digests(self) -> list[bytes]:
        try:
            files = (self._certificate_file, self._key_file)
            return [sha256(path.read_bytes()).digest() for path in files]
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}.") from None

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(
                self._certificate_file, self._key_file, password=_refuse_passphrase
            )
        except ssl.SSLError as error:
            known = (cause for part, cause in _CAUSES.items() if part in str(error))
            raise CertificateError(next(known, f"OpenSSL says: {error}.")) from None
        except OSError as error:
            raise CertificateError(f"{error.strerror}.") from None
        return context


def _refuse_passphrase() -> str:
    raise CertificateError("The key has a passphrase.")  # OpenSSL would ask for it on the terminal
