"""Check what a parser of HTTP/1.1 lets through: lengths, version, Host and Transfer-Encoding."""

import re
from collections.abc import Sequence
from functools import lru_cache

import httptools

from txplatform.api.connection_limits import MAX_HEAD_BYTES, MAX_HEADER_LINES, MAX_URL_BYTES
from txplatform.api.problems import ProblemError
from txplatform.contracts.problems import ProblemType

_VERSIONS = ("1.1", "1.0")
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:[0-9]*)?", re.ASCII)
"""RFC 3986, section 3.2.2, without the literals of future IP versions. It may be empty."""


class HeadRefusedError(Exception):
    """Raised in a callback of the parser, which then stops; `problem` says why."""

    def __init__(self, problem: ProblemError) -> None:
        super().__init__(problem.what)
        self.problem = problem


def check_head(version: str, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Check the head of a request.

    Raises:
        HeadRefusedError: The head is too large, or RFC 9112 forbids it.
    """
    problem = head_too_large(0, url, headers) or _malformed(version, headers)
    if problem is not None:
        raise HeadRefusedError(problem)


def head_too_large(size: int, url: bytes, headers: Sequence[object]) -> ProblemError | None:
    """Return the problem for the part of a head that was read, if it is above a limit."""
    if len(url) > MAX_URL_BYTES:
        return ProblemError(
            ProblemType.URI_TOO_LONG,
            f"The URL is longer than {MAX_URL_BYTES} bytes.",
            "Send a shorter one; filters and cursors of this API are short.",
        )
    if len(headers) > MAX_HEADER_LINES:
        return ProblemError(
            ProblemType.HEAD_TOO_LARGE,
            f"The request has more than {MAX_HEADER_LINES} header lines.",
            "Send fewer headers.",
        )
    if size > MAX_HEAD_BYTES:
        return ProblemError(
            ProblemType.HEAD_TOO_LARGE,
            f"The head of the request is larger than {MAX_HEAD_BYTES} bytes.",
            "Send fewer or shorter headers.",
        )
    return None


def parser_problem(error: httptools.HttpParserError) -> ProblemError:
    """Return the problem for bytes that the parser does not accept.

    Raises:
        Exception: The error of a callback that has a defect.
    """
    if isinstance(error, httptools.HttpParserCallbackError):
        match error.__context__:
            case HeadRefusedError(problem=problem):
                return problem
            case httptools.HttpParserInvalidURLError() | UnicodeDecodeError():
                return invalid_http("The request target is not a valid URL.")
            case Exception() as defect:
                raise defect
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return ProblemError(
            ProblemType.NOT_IMPLEMENTED,
            "The method is not one of HTTP.",
            "Use a method that openapi.json lists. If the client used https, TLS is off here.",
        )
    if any(words in str(error) for words in ("HTTP version", "HTTP/2", "PRI")):
        return _version_problem()
    return invalid_http(f"{error}.".replace("..", "."))


def invalid_http(detail: str) -> ProblemError:
    """Return the problem for a request that is not valid HTTP/1.1."""
    return ProblemError(
        ProblemType.INVALID_HTTP, detail, "Send a request as RFC 9112 describes it."
    )


def _malformed(version: str, headers: Sequence[tuple[bytes, bytes]]) -> ProblemError | None:
    if version not in _VERSIONS:
        return _version_problem()
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (not hosts and version == "1.1"):
        return invalid_http(f"The request has {hosts or 'no'} Host header{'s' * bool(hosts)}.")
    if hosts and not _is_host(headers[names.index(b"host")][1]):
        return invalid_http("The Host header is not a host with an optional port.")
    return _bad_coding(version, headers) if b"transfer-encoding" in names else None


@lru_cache(maxsize=100)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value) is not None


def _bad_coding(version: str, headers: Sequence[tuple[bytes, bytes]]) -> ProblemError | None:
    if version == "1.0":
        return invalid_http("HTTP/1.0 has no Transfer-Encoding.")
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings != [b"chunked"]:
        return ProblemError(
            ProblemType.NOT_IMPLEMENTED,
            "The only supported Transfer-Encoding is chunked.",
            "Send the body with a Content-Length, or chunked.",
        )
    return None


def _version_problem() -> ProblemError:
    return ProblemError(
        ProblemType.HTTP_VERSION_NOT_SUPPORTED,
        "The version in the request line is not 1.0 or 1.1.",
        "Send the request as HTTP/1.1.",
    )
