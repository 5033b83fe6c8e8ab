"""What one needs to use a running demo: addresses, keys and logins."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PlatformCard:
    """How to reach the platform.

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
    """A user of the web bank who sees one account, whose card makes purchases."""

    account_id: str


@dataclass(frozen=True, slots=True)
class BankCard:
    """How to reach the bank's services, with a key for accounts, payments and notifications."""

    accounts_url: str
    payments_url: str
    web_url: str
    notifications_url: str
    key: str
    staff: Login
    cardholder: Cardholder


def write_card(path: Path, platform: PlatformCard, bank: BankCard | None) -> None:
    """Write the card as JSON, all at once; it has no `bank` if only the platform runs.

    Only the user who runs the demo may read the file, since it has keys and passwords.
    """
    card = {"platform": asdict(platform)}
    if bank is not None:
        card["bank"] = asdict(bank)
    written = path.with_name(f"{path.name}.new")
    written.touch(0o600)
    written.write_text(json.dumps(card, indent=2) + "\n")
    written.replace(path)
