"""Parse the usual purchase without the model, which takes four times as long.

The usual purchase has exactly the required fields and a whole merchant, and cleaning would change
none of them. All other bodies are left to the model, also to say what is wrong with them.
"""

import re

import msgspec

from txplatform.contracts.card_numbers import holds_card_number
from txplatform.contracts.cleaning import (
    CATEGORY_FORM,
    COUNTRY_FORM,
    MAX_ID,
    MAX_TEXT,
    NOT_IN_URLS,
    URL_ID_FORM,
)
from txplatform.contracts.json import repeats_a_key
from txplatform.domain.currencies import CURRENCIES
from txplatform.domain.money import MAX_AMOUNT
from txplatform.domain.requests import Merchant, Purchase

_decode = msgspec.json.Decoder(Purchase).decode

_KEYS = 9
"""The number of keys of the usual purchase, with those of its merchant."""

_is_id = re.compile(URL_ID_FORM).fullmatch
_is_category = re.compile(CATEGORY_FORM).fullmatch
_is_country = re.compile(COUNTRY_FORM).fullmatch


def parse_clean_purchase(body: bytes) -> Purchase | None:
    """Return the purchase if the body is a usual one, else None."""
    try:
        purchase = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    usual = (
        # The decoder requires nine keys, and ignores repeated and unknown ones.
        (body.count(b":") == _KEYS or not repeats_a_key(body, _KEYS))
        and _is_usual_id(purchase.transaction_id)
        and _is_usual_id(purchase.account_id)
        and 0 <= purchase.amount <= MAX_AMOUNT
        and purchase.currency in CURRENCIES
        and _is_usual(purchase.merchant)
    )
    return purchase if usual else None


def _is_usual_id(text: str) -> bool:
    return _is_id(text) is not None and text not in NOT_IN_URLS and not holds_card_number(text)


def _is_usual(merchant: Merchant) -> bool:
    name, category, country = merchant.name, merchant.category_code, merchant.country
    return (
        name is not None
        and _is_trimmed(name, MAX_TEXT)
        and not holds_card_number(name)
        and (merchant.id is None or _is_trimmed(merchant.id, MAX_ID))
        and (category is None or _is_category(category) is not None)
        and (country is None or _is_country(country) is not None)
    )


def _is_trimmed(text: str, limit: int) -> bool:
    return 0 < len(text) <= limit and text.isprintable() and text == text.strip()
