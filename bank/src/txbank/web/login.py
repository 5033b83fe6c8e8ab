"""Logging in and out, and changing one's password."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from txbank.database import DatabaseOf
from txbank.web.forms import Form, Posted
from txbank.web.pages import page, see
from txbank.web.sessions import LoginRefusedError, log_in, log_out
from txbank.web.users import MAX_PASSWORD, MIN_PASSWORD, Role, change_password, check_password
from txbank.web.visitor import COOKIE, UserOf

router = APIRouter()

_PAGE = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._:-]*)+")
"""The path of a page of this host. An address of another host does not have this form."""


def _https(request: Request) -> bool:
    return bool(request.app.state.https)


@router.get("/login")
def show_login(request: Request, back_to: str = "") -> Response:
    """Show the form to log in. After that the browser goes back to a page, if one is given."""
    form = Form(back_to=back_to)
    if back_to:
        form.fault = (
            "Your session has ended, so what you sent was not carried out. "
            "Log in, then fill in the form again."
        )
    return page(request, "login.html", form=form)


@router.post("/login")
def submit_login(
    request: Request,
    database: DatabaseOf,
    form: Posted,
    https: Annotated[bool, Depends(_https)],
) -> Response:
    """Begin a session."""
    name = form.text("user_name", "your user name", longest=64).lower()
    password = form.typed.pop("password", "")
    if not password or len(password) > MAX_PASSWORD:
        form.refuse("password", "Enter your password.")
    if form.ok:
        address = request.client.host if request.client else ""
        try:
            token, user = log_in(database, name, password, address)
        except LoginRefusedError as error:
            form.fault = str(error)
        else:
            first_page = "/staff" if user.role is Role.STAFF else "/"
            back_to = form.typed.get("back_to", "")
            response = see(back_to if _PAGE.fullmatch(back_to) else first_page)
            response.set_cookie(COOKIE, token, secure=https, httponly=True, samesite="strict")
            return response
    return page(request, "login.html", 422, form=form)


@router.post("/logout")
def submit_logout(request: Request, database: DatabaseOf) -> Response:
    """End the session, if there is one."""
    with database.transaction() as connection:
        log_out(connection, request.cookies.get(COOKIE, ""))
    response = see("/login")
    response.delete_cookie(COOKIE)
    return response


@router.get("/password")
def show_password(request: Request, _: UserOf) -> Response:
    """Show the form to change the password."""
    return page(request, "password.html", form=Form())


@router.post("/password")
def submit_password(request: Request, database: DatabaseOf, user: UserOf, form: Posted) -> Response:
    """Change the password, which ends all sessions of the user."""
    old, new = form.typed.pop("old_password", ""), form.typed.pop("new_password", "")
    if not MIN_PASSWORD <= len(new) <= MAX_PASSWORD:
        form.refuse("new_password", f"Use {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    with database.transaction() as connection:
        if not check_password(connection, user.user_name, old):
            form.refuse("old_password", "This is not your password.")
        if form.ok:
            change_password(connection, user.user_name, new)
            return see("/login")
    return page(request, "password.html", 422, form=form)
