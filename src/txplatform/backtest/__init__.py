"""Backtests: replay recorded history with another rule set and report every difference."""
