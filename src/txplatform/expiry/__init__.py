"""Expiry of holds: found in the read model, decided on the accounts themselves."""
