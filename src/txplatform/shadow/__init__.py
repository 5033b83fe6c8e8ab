"""Shadowing: what a candidate rule set would decide, on the same state, off the answer's path.

It reads the log behind the decisions, so it costs them nothing, loses nothing when it is stopped,
and can be made again. Unlike a backtest it follows what really happened: a purchase that only the
candidate declines still takes its credit.
"""
