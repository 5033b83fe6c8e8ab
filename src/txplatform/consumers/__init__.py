"""The consumer of messages from Kafka. Its topics are listed in `contracts/messages.py`."""
