"""The values that commands print for an account."""

from typing import Any

from txplatform.domain.account import Account

_NOT_PRINTED = {"id", "version", "holds", "activity", "controls", "waiting"}
_FIELDS = [name for name in Account.__struct_fields__ if name not in _NOT_PRINTED]


def account_values(account: Account) -> dict[str, Any]:
    """Return an account's values; `waiting` lists the business keys of waiting messages."""
    return {
        "status": account.status if account.opened else None,
        **{name: getattr(account, name) for name in _FIELDS},
        "available": account.available,
        "waiting": [*account.waiting],
    }
