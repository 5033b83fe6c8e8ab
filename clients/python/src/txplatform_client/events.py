"""The log: every event, as a list."""

from typing import Any

from txplatform_client.call import ListCall, listing
from txplatform_client.fields import Body, Page, Time


class Cause(Body):
    """The cause of an event. Fields that its kind lacks are None.

    Attributes:
        kind: `api_key`, `message` or `part`.
        id: The API key's id.
        name: The name of the API key, or of the part of the platform.
        topic: The topic of the Kafka message.
        retried: True if an operator retried the parked message.
    """

    kind: str
    id: str | None = None
    name: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    retried: bool = False


class Event(Body):
    """An event of the log.

    Attributes:
        cursor: The event's place in the whole log. Store it, to go on from it with `list_events` or
            `stream_events`.
        event_id: Permanently unique.
        type: Such as `authorization-approved`.
        account_version: The number of the event within its account, from 1 without gaps.
        business_time: The time that the sender gave.
        traceparent: The W3C trace context of the cause.
        data: The fields of this type.
        simulated: True if the platform is the demo, whose events have simulated times.
    """

    cursor: str
    event_id: str
    type: str
    account_id: str
    account_version: int
    business_time: Time | None
    decided_at: Time
    recorded_at: Time
    traceparent: str
    caused_by: Cause
    data: dict[str, Any]
    simulated: bool = False


class EventsPage(Page[Event]):
    """A page of events. Its cursor is never None, since more events may follow."""


class EventCalls:
    """The calls that read the log. Their scope is `audit:read`."""

    @listing
    def list_events(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> ListCall[EventsPage, Event]:
        """List the events of the whole log up to now; those of an account are in order.

        Args:
            limit: The events of a page, up to 1,000; 100 if None.
            cursor: The cursor of the last event that was seen; None to begin at the first one.
        """
        return ListCall("GET", ("events",), EventsPage, {"limit": limit, "cursor": cursor})

    @listing
    def list_account_events(
        self, account_id: str, *, limit: int | None = None, cursor: str | None = None
    ) -> ListCall[EventsPage, Event]:
        """List the events of one account up to now, oldest first.

        Args:
            account_id: The account.
            limit: The events of a page, up to 1,000; 100 if None.
            cursor: The `next_cursor` of a page of this account.
        """
        query = {"limit": limit, "cursor": cursor}
        return ListCall("GET", ("accounts", account_id, "events"), EventsPage, query)
