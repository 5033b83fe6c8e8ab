"""What endpoints ask FastAPI for: the caller's key with a scope, and well-formed path ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Path, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from txplatform.api.authentication import authorization_header
from txplatform.api.services import Services, services_of
from txplatform.contracts.fields import Identifier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from txplatform.api.keys import ApiKey, Scope

_BEARER = HTTPBearer(
    auto_error=False, scheme_name="api-key", description="`txplatform keys create` makes a key."
)

ServicesOf = Annotated[Services, Depends(services_of)]
AccountIdPath = Annotated[
    Identifier, Path(description="The accounts team's id.", examples=["acc-1"])
]
TransactionIdPath = Annotated[
    Identifier, Path(description="As the purchase was asked for.", examples=["tx-1001"])
]


def requires(
    scope: Scope,
) -> Callable[[Request, HTTPAuthorizationCredentials | None], Awaitable[ApiKey]]:
    """A dependency that lets only keys with this scope pass."""

    async def check(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None,
    ) -> ApiKey:
        return await services_of(request).authenticator.authenticate(
            authorization_header(request.scope["headers"]), scope
        )

    return check
