"""Clients that offer HTTP/2 with a request, such as Java's, still get a response."""

from __future__ import annotations

import json
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

from harness.api import RunningApi, balance, open_account, purchase

OFFER = (
    "Connection: Upgrade, HTTP2-Settings\r\n"
    "Upgrade: h2c\r\n"
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
)


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    response = HTTPResponse(connection)
    response.begin()
    return response.status, response.read()


def _parts(api: RunningApi, account_id: str, transaction_id: str) -> tuple[bytes, bytes]:
    """Return the head of a request, including the blank line, and its body."""
    body = json.dumps(purchase(transaction_id, account_id, 10)).encode()
    header = (
        f"POST /v1/process-transaction HTTP/1.1\r\nHost: x\r\n{OFFER}"
        f"Authorization: Bearer {api.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return header.encode(), body


def test_an_offer_of_http_2_is_ignored(api: RunningApi, account_id: str) -> None:
    open_account(api.client, account_id, 1000)
    port = urlsplit(api.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        header, body = _parts(api, account_id, "t1")
        connection.sendall(header + body)
        status, answer = _answer(connection)
        assert (status, json.loads(answer)["decision"]) == (200, "approved")
        header, body = _parts(api, account_id, "t2")
        connection.sendall(header[:150])
        assert api.client.get("/livez").status_code == 200  # the server has read this part
        connection.sendall(header[150:])
        assert api.client.get("/livez").status_code == 200
        connection.sendall(body)
        status, answer = _answer(connection)
        assert (status, json.loads(answer)["decision"]) == (200, "approved")
    assert balance(api.client, account_id)["pending"] == 20


def test_a_tunnel_is_refused(api: RunningApi) -> None:
    port = urlsplit(api.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"CONNECT bank.example:443 HTTP/1.1\r\nHost: bank.example\r\n\r\n")
        assert _answer(connection)[0] == 501
    assert api.client.get("/livez").status_code == 200
