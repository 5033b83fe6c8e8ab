"""What the HTTP parser does not accept becomes a problem, unless a callback of it has a defect."""

from __future__ import annotations

import httptools
import pytest

from txplatform.api.known_heads import KnownHead, KnownHeads
from txplatform.api.request_heads import check_head, parser_problem
from txplatform.contracts.problems import ProblemType


class Callbacks:
    """The callbacks of a parser, which raise an error when the headers are complete."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def on_headers_complete(self) -> None:
        """Raise the error, or refuse a head without Host."""
        if self._error is not None:
            raise self._error
        check_head("1.1", b"/", [])


def parser_error(callbacks: Callbacks) -> httptools.HttpParserError:
    """Return the error of the parser for a valid head."""
    with pytest.raises(httptools.HttpParserError) as raised:
        httptools.HttpRequestParser(callbacks).feed_data(b"GET / HTTP/1.1\r\n\r\n")
    return raised.value


def test_a_refused_head_is_the_clients_fault() -> None:
    assert parser_problem(parser_error(Callbacks())).type is ProblemType.INVALID_HTTP


def test_a_defect_is_not_blamed_on_the_client() -> None:
    defect = KeyError("defect")
    with pytest.raises(KeyError) as raised:
        parser_problem(parser_error(Callbacks(defect)))
    assert raised.value is defect


def test_a_head_that_came_in_two_parts_is_not_remembered_by_its_end() -> None:
    heads = KnownHeads()
    heads.learn(b"", KnownHead(0, b"credentials"))
    assert heads.split(b"\r\n\r\n") is None
