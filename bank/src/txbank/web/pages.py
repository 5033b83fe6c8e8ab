"""The application with all pages: templates, static files, and errors as pages."""

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from txbank.tracing import correlation_id, logger, traceparent
from txbank.web.browser_rules import check_origin
from txbank.web.faults import FAILURES, is_fault
from txbank.web.visitor import NotLoggedInError
from txbank.web.words import WORDS
from txplatform_client import Money

_FOLDER = Path(__file__).parent
_NO_SUCH_PAGE = (HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Responses of services to an id or a cursor of the address that they do not know or take."""

_TEXTS = {
    400: ("This request cannot be read", "Go back and try again."),
    403: ("You may not see this page", "Log in as someone who may."),
    404: ("There is no such page", "It may be someone else's, or the address is mistyped."),
    405: ("This page cannot do that", "Go back and try again."),
    413: ("This is too much at once", "Send fewer lines, up to 64 KiB in all."),
    503: (
        "A service does not respond now",
        "Nothing was lost. Try again in a moment; a form takes effect at most once.",
    ),
    500: ("Something went wrong on our side", "Try again. If it happens again, tell us."),
}
"""Title and next step of the page for each status; others get those of 500."""


def _money(minor: int | None, currency: str | None, *, signed: bool = False) -> str:
    """Return an amount with its currency's decimals and a true minus sign."""
    if minor is None or currency is None:
        return "–"  # noqa: RUF001  # a dash in a table stands for no amount
    sign = "+" if signed and minor > 0 else ""
    return f"{sign}{Money(minor, currency)}".replace("-", "\N{MINUS SIGN}")


def _plain(minor: int, currency: str) -> str:
    """Return an amount as it is typed into a form."""
    return str(Money(minor, currency).amount)


def _time(value: datetime) -> str:
    return f"{value:%-d %b %Y, %H:%M} UTC"


_TEMPLATES = Environment(
    loader=PackageLoader("txbank.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(money=_money, plain=_plain, time=_time)
_TEMPLATES.globals["words"] = WORDS


def fragment(template: str, **values: Any) -> str:
    """Return a part of a page."""
    return _TEMPLATES.get_template(template).render(values)


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page.

    The template also gets the path, the notice, and the `user` who is logged in or None.
    """
    user = getattr(request.state, "user", None)
    notice = request.app.state.notice
    html = fragment(template, user=user, path=request.url.path, notice=notice, **values)
    return HTMLResponse(html, status)


def see(path: str) -> RedirectResponse:
    """Return a redirect, after which the browser gets another page (status 303)."""
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def create_pages(routers: Sequence[APIRouter]) -> FastAPI:
    """Return the application with the pages of these routers."""
    app = FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_only_from_our_pages)],
        # `Edge` makes the span of a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    for router in routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=_FOLDER / "static"))
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


def _only_from_our_pages(request: Request) -> None:
    check_origin(request.method, request.headers)


def _error_page(request: Request, status: int) -> Response:
    title, next_step = _TEXTS.get(status, _TEXTS[500])
    trace = correlation_id(traceparent())
    return page(request, "error.html", status, title=title, next_step=next_step, trace=trace)


async def _go_to_log_in(request: Request, _: Exception) -> Response:
    if request.method == "GET":
        return see("/login")
    return see(f"/login?back_to={quote(_page_of_form(request))}")


def _page_of_form(request: Request) -> str:
    """Return the path of the page that has the form which was sent: this one, or one above it."""
    path = request.url.path
    while path:
        scope = {**request.scope, "method": "GET", "path": path}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            return path
        path = path.rpartition("/")[0]
    return "/"


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error_page(request, error.status_code)


async def _no_such_page(request: Request, _: Exception) -> Response:
    return _error_page(request, HTTPStatus.NOT_FOUND)


async def _no_service(request: Request, error: Exception) -> Response:
    if not is_fault(error):
        return _error_page(request, HTTPStatus.NOT_FOUND)
    logger("web").warning("no page, since a service failed", reason=str(error))
    return _error_page(request, HTTPStatus.SERVICE_UNAVAILABLE)


async def _failed(request: Request, error: Exception) -> Response:
    trace = correlation_id(traceparent())
    logger("web").error("unexpected error", correlation_id=trace, exc_info=error)
    return _error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR)


_HANDLERS: dict[type[Exception], Callable[..., Any]] = {
    NotLoggedInError: _go_to_log_in,
    HTTPException: _http_error,
    RequestValidationError: _no_such_page,  # an id in the path that cannot be one
    **dict.fromkeys(FAILURES, _no_service),
    Exception: _failed,
}
