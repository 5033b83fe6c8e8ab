"""If tracing is on, makes each inbound message a span, the parent of what the message causes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from txplatform.consumers.parsing import ParsedMessage
from txplatform.contracts.trace_context import TraceContext
from txplatform.tracing import Tracer


@contextmanager
def traced_messages(
    tracer: Tracer | None, messages: Sequence[ParsedMessage]
) -> Iterator[Sequence[ParsedMessage]]:
    """Yield the messages of a batch with their spans as trace context; then the spans end."""
    if tracer is None:
        yield messages
        return
    spans = [
        tracer.begin(f"process {each.message.topic}", "CONSUMER", each.trace) for each in messages
    ]
    try:
        yield [
            each._replace(trace=TraceContext(*tracer.trace_of(span)))
            for each, span in zip(messages, spans, strict=True)
        ]
    finally:
        for span in spans:
            span.end()
