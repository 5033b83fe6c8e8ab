"""The inbox: stored messages from Kafka with their outcomes, and the consumer's offsets."""
