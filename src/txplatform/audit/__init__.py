"""Checks of the log and of everything derived from it: replay, history, verification."""
