"""Realistic traffic: a year of real purchases over HTTP, and invented payments over Kafka."""
