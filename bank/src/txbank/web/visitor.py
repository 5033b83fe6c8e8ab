"""The user who sends a request, and the accounts and pages that this user may see."""

from typing import Annotated

from fastapi import Depends
from starlette.exceptions import HTTPException
from starlette.requests import Request

from txbank.database import DatabaseOf
from txbank.errors import TxBankError
from txbank.fields import IdPath
from txbank.web.services import Services
from txbank.web.sessions import use_session
from txbank.web.users import OwnAccount, Role, User, accounts_of

COOKIE = "session"


class NotLoggedInError(TxBankError):
    """The request has no session, or the session has ended."""


def _user_of(request: Request, database: DatabaseOf) -> User:
    token = request.cookies.get(COOKIE)
    user = None
    if token:
        with database.transaction() as connection:
            user = use_session(connection, token)
    if user is None:
        raise NotLoggedInError("Nobody is logged in.")
    request.state.user = user
    return user


UserOf = Annotated[User, Depends(_user_of)]
"""The user who is logged in."""


def only_cardholders(user: UserOf) -> None:
    """Refuse staff, who have pages of their own."""
    if user.role is not Role.CARDHOLDER:
        raise HTTPException(403)


def only_staff(user: UserOf) -> None:
    """Refuse cardholders."""
    if user.role is not Role.STAFF:
        raise HTTPException(403)


def _own_account(user: UserOf, database: DatabaseOf, account_id: IdPath) -> OwnAccount:
    """Return an account of the user. Any other gets 404, as if it did not exist."""
    with database.transaction() as connection:
        for account in accounts_of(connection, user.user_name):
            if account.account_id == account_id:
                return account
    raise HTTPException(404)


AccountOf = Annotated[OwnAccount, Depends(_own_account)]
"""The account in the path, if it is one of the user's."""


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(_services)]
"""The services that the web bank calls."""
