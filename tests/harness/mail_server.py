"""A mail server that keeps what it receives."""

from __future__ import annotations

import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer
from types import TracebackType
from typing import Self

from txplatform.demo.processes import free_port


class MailServer:
    """A server for SMTP (RFC 5321) without encryption.

    Attributes:
        mails: The mails, in order of arrival.
        reply: The response to each recipient, with `{address}` for the recipient's address.
        asked: How often a recipient was named.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self.reply = "250 ok"
        self.asked = 0
        self._server: ThreadingTCPServer | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def start(self) -> Self:
        """Accept connections."""
        state = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 test")
                while line := self.rfile.readline():
                    match line[:4].upper():
                        case b"DATA":
                            self._say("354 go on")
                            state.mails.append(self._read_mail())
                            self._say("250 kept")
                        case b"RCPT":
                            state.asked += 1
                            address = line.partition(b"<")[2].partition(b">")[0].decode()
                            self._say(state.reply.format(address=address))
                        case b"QUIT":
                            self._say("221 bye")
                            return
                        case _:
                            self._say("250 ok")

            def _say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

            def _read_mail(self) -> EmailMessage:
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line.removeprefix(b"."))
                return message_from_bytes(b"".join(lines), policy=policy.default)

        class Server(ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    @property
    def texts(self) -> list[str]:
        """The texts of all mails."""
        return [str(each.get_content()) for each in self.mails]
