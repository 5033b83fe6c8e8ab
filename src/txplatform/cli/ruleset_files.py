"""Load a rule set given on the command line as a file or an id."""

import re
from pathlib import Path

from txplatform.contracts.json import NotJsonError
from txplatform.contracts.rulesets import InvalidRuleSetError, parse_ruleset
from txplatform.domain.rulesets import RuleSet
from txplatform.errors import TxPlatformError
from txplatform.rulebook.store import read_book
from txplatform.settings import load_settings

_ID = re.compile(r"[a-z0-9-]+@[0-9]+", re.ASCII)


class UnusableRuleSetError(TxPlatformError):
    """Raised if a rule set does not exist or cannot be used; the message lists all problems."""

    def __init__(self, what: str, *problems: str) -> None:
        super().__init__("\n  ".join((what, *problems)))


def load_ruleset(word: str) -> RuleSet:
    """Load a rule set by file name or by id. If both exist, the file is loaded.

    Raises:
        UnusableRuleSetError: There is no such file or stored rule set, or the file cannot be used.
        UnreadableRuleSetError: This version of txplatform cannot read the stored rule set.
    """
    if not _ID.fullmatch(word) or Path(word).exists():
        return load_ruleset_file(word)
    with load_settings().service_database.connect() as connection:
        stored = read_book(connection).rulesets.get(word)
    if stored is None:
        raise UnusableRuleSetError(
            f"{word} is not a rule set.", "There is no such file and no stored rule set."
        )
    return stored.read()


def load_ruleset_file(path: str) -> RuleSet:
    """Read a rule set from a JSON file.

    Raises:
        UnusableRuleSetError: The file cannot be read, or is not a valid rule set.
    """
    try:
        return parse_ruleset(Path(path).read_bytes())
    except OSError as error:
        raise UnusableRuleSetError(f"{path} cannot be read.", f"{error.strerror}.") from None
    except NotJsonError as error:
        raise UnusableRuleSetError(f"{path} is not acceptable JSON.", error.why) from None
    except InvalidRuleSetError as error:
        raise UnusableRuleSetError(f"{path} cannot be used.", *error.problems) from None
