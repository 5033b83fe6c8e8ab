"""Real parts for tests: a private PostgreSQL, a private Kafka broker, our own processes."""
