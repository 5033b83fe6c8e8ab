"""The domain: accounts, commands, rules and events, without I/O, clock or randomness.

Read `account.py` first. Then read `requests.py` and `advices.py` (the commands), `commands/` (how
commands are decided), `rules/` (the rules that decline purchases) and `events/` (the results).
"""
