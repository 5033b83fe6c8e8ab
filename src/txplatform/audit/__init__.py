"""What proves the log and everything derived from it: replay, history, verification."""
