"""What an account is and may do. Pure: no I/O, no clock, no randomness.

Read `account.py` first, then `commands/` (what is asked of it), `rules/` (why a
purchase is refused) and `events.py` (what is remembered, for ever).
"""
