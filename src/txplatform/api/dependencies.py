"""Dependencies that endpoints share: authentication by scope, and path and header parameters.

Authenticated endpoints refuse unknown query parameters, because a misspelt filter would otherwise
be ignored silently.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Path, Security
from fastapi.params import Security as SecurityDependency
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from txplatform.api.authentication import authorization_header, require_account, require_scope
from txplatform.api.problems import ProblemError
from txplatform.api.services import Services, services_of
from txplatform.api.validation_problems import validation_problem
from txplatform.api_keys import ApiKey, Scope
from txplatform.contracts.field_problems import InvalidField
from txplatform.contracts.fields import BLANK, Identifier, UrlId
from txplatform.contracts.json_schemas import Documented
from txplatform.contracts.problems import ProblemType
from txplatform.decisions.request import AccountView
from txplatform.domain.cause import CommandOrigin

SECURITY_SCHEME = "api-key"
ACCOUNT_PARAMETER = "account_id"
"""The name of the account in a path."""

_READS = ("GET", "HEAD")
_BEARER = HTTPBearer(
    auto_error=False,
    scheme_name=SECURITY_SCHEME,
    description="An API key. `txplatform keys create` creates a key with the given scopes.",
)


async def _services(request: Request) -> Services:  # else in another thread
    return services_of(request)


ServicesOf = Annotated[Services, Depends(_services)]
_ACCOUNT_ID = Path(description="The id given by the accounts team.", examples=["acc-1"])
_TRANSACTION_ID = Path(description="The `transaction_id` of the purchase.", examples=["tx-1001"])
AccountIdPath = Annotated[UrlId, _ACCOUNT_ID]
TransactionIdPath = Annotated[UrlId, _TRANSACTION_ID]
RequestAccountIdPath = Annotated[Identifier, _ACCOUNT_ID]
RequestTransactionIdPath = Annotated[Identifier, _TRANSACTION_ID]
"""Reads and advices take an id that looks like a card number; a request is refused."""


async def _if_none_match(
    request: Request,
    if_none_match: Annotated[  # noqa: ARG001  # describes the header
        Annotated[str, Documented(maxLength=1000)] | None,
        Header(
            description="An earlier `ETag`. If it is current, the response is 304 without a body."
        ),
    ] = None,
) -> list[str]:
    return request.headers.getlist("if-none-match")


IfNoneMatch = Annotated[list[str], Depends(_if_none_match)]
"""All lines of the header; FastAPI would pass on only one."""


def requires(scope: Scope | None, *, checks_accounts: bool = False) -> SecurityDependency:
    """Return a dependency that checks the key's scope and accounts, and the query parameters.

    Without a scope any key will do. A key that is limited to accounts is refused unless the account
    in the path is one of its own. An endpoint with `checks_accounts` checks the accounts itself.

    The dependency sets `request.state.origin`, and adds the scope to the OpenAPI entry.
    """
    return SecurityDependency(
        RequiredKey(scope, checks_accounts), scopes=[] if scope is None else [scope]
    )


@dataclass(frozen=True)
class RequiredKey:
    """The dependency that `requires` returns; its value is the caller's key.

    Attributes:
        checks_accounts: True if the endpoint itself keeps a limited key to its accounts.
    """

    scope: Scope | None
    checks_accounts: bool

    async def __call__(
        self,
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
    ) -> ApiKey:
        """Return the key of a request, after the checks."""
        key = await services_of(request).authenticator.admit(
            authorization_header(request.scope["headers"])
        )
        request.state.key_id = key.id
        if self.scope is not None:
            require_scope(key, self.scope)
        if key.accounts is not None:
            self._require_own(key, request)
        if request.scope["query_string"]:
            _require_known_query(request)
        request.state.origin = CommandOrigin(
            key.cause, request.state.traceparent, request.state.tracestate
        )
        return key

    def _require_own(self, key: ApiKey, request: Request) -> None:
        account_id = request.path_params.get(ACCOUNT_PARAMETER)
        if account_id is not None:
            account_id = account_id.strip(BLANK)  # as the id is read
            if request.method not in _READS:
                require_account(key, account_id)
            elif not key.allows(account_id):
                raise account_not_found()
        elif not self.checks_accounts:
            raise ProblemError(
                ProblemType.FORBIDDEN,
                f"This call concerns all accounts, and the key {key.id} is limited to certain"
                " accounts.",
                "Use a key that is not limited.",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )


def _require_known_query(request: Request) -> None:
    """Check that each query parameter is declared by the endpoint and given once."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = {parameter.alias for parameter in route.dependant.query_params}
    given = Counter(name for name, _ in request.query_params.multi_items())
    unusable = [
        InvalidField(
            (name,),
            "is given more than once" if name in known else "is not a parameter of this call",
        )
        for name, times in given.items()
        if name not in known or times > 1
    ]
    if unusable:
        raise validation_problem(unusable)


def require_opened(view: AccountView) -> None:
    """Check that an account has been opened.

    Raises:
        ProblemError: The account has not been opened.
    """
    if not view.opened:
        raise account_not_found()


def account_not_found() -> ProblemError:
    """Return the problem for an account that is not open, or that a limited key may not see."""
    return ProblemError(
        ProblemType.ACCOUNT_NOT_FOUND,
        "The account has not been opened.",
        "Open it with POST /v1/accounts, or wait for the accounts team's event.",
    )
