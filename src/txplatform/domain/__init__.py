"""Accounts and their rules. Pure: no I/O, no clock, no randomness.

Read `account.py` first, then `requests.py` and `advices.py` (commands), `commands/` (their
decisions), `rules/` (reasons to decline a purchase) and `events/` (the stored results).
"""
