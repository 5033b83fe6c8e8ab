"""Format amounts for people, with the decimal places of the currency (ISO 4217)."""

_DECIMALS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
"""The decimals of currencies that do not have two, from ISO 4217 list one."""


def decimals_of(currency: str) -> int:
    """Return the number of decimals of a currency's minor unit (ISO 4217)."""
    return _DECIMALS.get(currency, 2)


def format_amount(amount: int, currency: str | None) -> str:
    """Format minor units as a decimal number, such as `1,234.50`.

    If the currency is None, because the account is not opened yet, two decimal places are assumed.
    """
    decimals = decimals_of(currency or "")
    whole, fraction = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}.{fraction:0{decimals}}" if decimals else f"{sign}{whole:,}"


def format_money(amount: int, currency: str) -> str:
    """Format minor units as a decimal number with the currency, such as `12.50 USD`."""
    return f"{format_amount(amount, currency)} {currency}"
