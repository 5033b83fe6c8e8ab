"""The inbox: messages from Kafka with their outcomes, and the consumer's positions."""
