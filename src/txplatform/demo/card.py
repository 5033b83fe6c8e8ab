"""The addresses, keys and logins of a running demo."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PlatformCard:
    """The platform's addresses and key.

    Attributes:
        url: The base URL of the API.
        key: An API key with every scope.
        kafka: The broker's host and port.
    """

    url: str
    key: str
    kafka: str


@dataclass(frozen=True, slots=True)
class Login:
    """A user of the web bank."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Cardholder(Login):
    """A user of the web bank, with one account. The simulator makes purchases with its card."""

    account_id: str


@dataclass(frozen=True, slots=True)
class BankCard:
    """The addresses of the bank's services, and a key for accounts, payments and notifications."""

    accounts_url: str
    payments_url: str
    web_url: str
    notifications_url: str
    key: str
    staff: Login
    cardholder: Cardholder


def write_card(path: Path, platform: PlatformCard, bank: BankCard | None) -> None:
    """Write the card as JSON, in one step. It has no `bank` if only the platform runs.

    Only the user who runs the demo may read the file, since it has keys and passwords.
    """
    card = {"platform": asdict(platform)}
    if bank is not None:
        card["bank"] = asdict(bank)
    written = path.with_name(f"{path.name}.new")
    written.touch(0o600)
    written.write_text(json.dumps(card, indent=2) + "\n")
    written.replace(path)
