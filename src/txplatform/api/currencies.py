"""`GET /v1/currencies`."""

from fastapi import APIRouter
from starlette.responses import Response

from txplatform.api.dependencies import requires
from txplatform.api.lists import Cursor, Limit, documented_list
from txplatform.api.responses import json_response
from txplatform.contracts.currencies import CurrenciesResponse
from txplatform.contracts.cursors import Cursors
from txplatform.domain.currencies import CURRENCIES

router = APIRouter(prefix="/v1/currencies", tags=["currencies"])

EXAMPLES = (CurrenciesResponse([CURRENCIES["EUR"], CURRENCIES["JPY"]], None),)


@router.get(
    "",
    response_model=CurrenciesResponse,
    dependencies=[requires(None, checks_accounts=True)],
    responses=documented_list(),
)
async def read_currencies(limit: Limit = 500, cursor: Cursor = None) -> Response:
    """Return the code, exponent and name of each currency (ISO 4217).

    An amount is an integer in minor units. The exponent says how many decimal places it has: 1250
    with the exponent 2 is 12.50.
    """
    return json_response(
        CurrenciesResponse(*Cursors("currencies").page([*CURRENCIES.values()], cursor, limit))
    )
