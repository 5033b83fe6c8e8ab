"""How the platform says why it cannot use the brokers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from harness.inbound import consuming
from harness.processes import run_command
from harness.published import publishing
from harness.secured_kafka import PASSWORD
from harness.waiting import wait_until
from txplatform.consumers.runner import InboundConsumer
from txplatform.publisher.runner import Publisher
from txplatform.settings import Settings


def examined(env: dict[str, str]) -> tuple[int, dict[str, dict[str, str]]]:
    """Run the doctor; return its exit code, and its findings that are not ok by check."""
    code, out, err = run_command("doctor", "--json", env=env)
    assert "Traceback" not in err
    found = {each["check"]: each for each in json.loads(out)["findings"]}
    return code, {name: each for name, each in found.items() if each["status"] != "ok"}


def wait_for_words(part: InboundConsumer | Publisher, words: str) -> str:
    """Wait until a part that is not ready says these words; return all that it says."""
    wait_until(
        lambda: words in part.health().detail,
        message=f"{words!r} in the health, not {part.health().detail!r}",
    )
    assert not part.health().ready
    return part.health().detail


def parts_tell(settings: Settings, cause: str) -> None:
    """Check that consumer and publisher tell why they cannot reach the brokers."""
    with consuming(settings) as consumer, publishing(settings) as publisher:
        for told in (wait_for_words(consumer, cause), wait_for_words(publisher, cause)):
            assert PASSWORD not in told


def commands_tell(
    env: dict[str, str], bootstrap: str, cause: str, login: Mapping[str, str] | None = None
) -> None:
    """Check that the commands tell why they cannot reach the brokers."""
    given = {"kafka_bootstrap_servers": bootstrap, **(login or {})}
    env = {**env, **{f"TXPLATFORM_{name.upper()}": value for name, value in given.items()}}
    code, found = examined(env)
    assert code == 1
    assert cause in found["broker"]["detail"], found["broker"]["detail"]
    code, out, err = run_command("topics", "create", env=env)
    assert (code, out) == (1, "")
    assert cause in err
    assert PASSWORD not in f"{found} {err}"
