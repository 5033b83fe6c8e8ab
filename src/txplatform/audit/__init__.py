"""Audit the log: replay accounts, show their history, and verify all data derived from the log."""
