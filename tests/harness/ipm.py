"""Mastercard IPM files, written with the library cardutil."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cardutil.mciipm import IpmWriter

from txplatform.importing.ipm_messages import FORMATS

CARD = "5105105105105100"
HEADER = {"MTI": "1644", "DE24": "697", "PDS0105": "0022611200000001234500001", "DE71": 1}


def presentment(reference: str = "05205106325000000000019", **more: Any) -> dict[str, Any]:
    """Return a first presentment of 25.00 EUR, billed as 21.50 GBP."""
    return {
        "MTI": "1240",
        "DE2": CARD,
        "DE3": "000000",
        "DE4": 2500,
        "DE6": 2150,
        "DE12": "261119143000",
        "DE24": "200",
        "DE25": "1401",
        "DE26": "0742",
        "DE31": reference,
        "DE37": "632414000123",
        "DE38": "A1B2C3",
        "DE42": "00012345       ",
        "DE43": "TIERARZT MEIER\\HAUPTSTR. 1\\BERLIN\\10115     BLNDEU",
        "DE49": "978",
        "DE51": "826",
        "DE63": " MCC0011231119  ",
        "DE71": 2,
        "PDS0148": "97828262",
        **more,
    }


def trailer(messages: int, amount: int | None = None) -> dict[str, Any]:
    """Return the trailer of a file with this number of messages, its own included.

    Args:
        messages: The number of messages.
        amount: The sum of their amounts (DE 4); None for a trailer without it.
    """
    checksum = {} if amount is None else {"PDS0301": f"{amount:016}"}
    return {
        "MTI": "1644",
        "DE24": "695",
        **checksum,
        "PDS0306": f"{messages:08}",
        "DE71": messages,
    }


def write_ipm(
    path: Path, *messages: dict[str, Any], blocked: bool = True, encoding: str = "latin_1"
) -> Path:
    """Write a file with header, messages and trailer, and return its path."""
    amount = sum(message.get("DE4") or 0 for message in messages)
    whole = [HEADER, *messages, trailer(len(messages) + 2, amount)]
    return write_messages(path, *whole, blocked=blocked, encoding=encoding)


def write_messages(
    path: Path, *messages: dict[str, Any], blocked: bool = True, encoding: str = "latin_1"
) -> Path:
    """Write a file with these messages, and return its path."""
    with path.open("wb") as file:
        writer = IpmWriter(file, encoding=encoding, iso_config=FORMATS, blocked=blocked)
        for message in messages:
            given = {name: value for name, value in message.items() if value is not None}
            writer.write(given)
        writer.close()
    return path
