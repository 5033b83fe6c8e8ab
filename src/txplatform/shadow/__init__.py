"""Shadow evaluation: evaluate decisions by a candidate rule set, shortly after they are recorded.

A shadow evaluation reads the log, so it does not slow decisions down, and resumes from a checkpoint
after a stop. Each decision is evaluated on the account's state before the decision. In contrast to
a backtest, a purchase that only the candidate declines still uses credit.
"""
