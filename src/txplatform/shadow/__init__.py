"""Shadow evaluation: judge recorded decisions by a candidate rule set, on the state of that time.

It reads the log after the decisions are recorded, so it does not slow them down, and continues from
its checkpoint after a stop. Unlike a backtest it follows the recorded history: a purchase that only
the candidate declines still uses credit.
"""
