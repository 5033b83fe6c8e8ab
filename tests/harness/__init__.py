"""Test support: PostgreSQL servers, Kafka brokers, processes, and builders of commands."""
