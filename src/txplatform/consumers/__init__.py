"""The Kafka consumer. Its topics are listed in `contracts/messages.py`."""
