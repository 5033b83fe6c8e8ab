"""From the log to Kafka: what was decided, and what could not be applied."""
