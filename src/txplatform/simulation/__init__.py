"""Believable traffic: a year of real purchases over HTTP, and made-up payments over Kafka."""
