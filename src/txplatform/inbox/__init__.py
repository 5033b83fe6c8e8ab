"""Inbound messages and consumer positions, stored in the transaction that applies them."""
