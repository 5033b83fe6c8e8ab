"""Expiry of holds: the read model finds holds that are due, and the accounts decide."""
