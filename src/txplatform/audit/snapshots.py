"""Compare each snapshot with the replay."""

import orjson
import psycopg
from psycopg import sql
from typing_extensions import override

from txplatform.audit.derived import DerivedCheck, Key, stored_rows
from txplatform.audit.differences import Differences
from txplatform.audit.replay import Replay
from txplatform.domain.ids import account_of
from txplatform.eventstore.snapshot import AccountSnapshot, account_state
from txplatform.eventstore.statements import LoggedEvent

_READ = sql.SQL(
    "SELECT originator_id, originator_version, topic, state FROM snapshots"
    " ORDER BY originator_id, originator_version"
)


class SnapshotCheck(DerivedCheck[tuple[str, int, str, bytes]]):
    """Compares each snapshot in the current format with the replayed state at the same version."""

    def __init__(self, connection: psycopg.Connection, differences: Differences) -> None:
        super().__init__("snapshot", stored_rows(connection, "snapshots", _READ), differences)

    @override
    def key(self, row: tuple[str, int, str, bytes]) -> Key:
        return account_of(row[0]), row[1]

    @override
    def after(self, replay: Replay, logged: LoggedEvent) -> None:
        at = account_id, version = replay.account_id, replay.account.version
        for _, _, topic, stored in self._take(lambda key: key == at):
            if AccountSnapshot.is_current(topic):
                expected = orjson.loads(orjson.dumps(account_state(replay.account)))
                try:
                    found = orjson.loads(stored)
                except ValueError:
                    found = None
                if not isinstance(found, dict) or found.keys() != expected.keys():
                    expected, found = {"state": expected}, {"state": found}
                values = [found[name] for name in expected]
                self._compare(account_id, version, expected, expected.values(), values)
