"""Shadow evaluation: re-evaluate each recorded decision with a rule set that is not in force.

A shadow evaluation follows the log, so it does not slow decisions down, and it resumes from a
checkpoint after a stop. It evaluates each decision on the account's recorded state just before the
decision. So, unlike in a backtest, an approved purchase uses credit even if the candidate (the rule
set in shadow) would decline the purchase.
"""
