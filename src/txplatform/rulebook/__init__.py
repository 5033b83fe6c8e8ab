"""The rule book: every rule set, and a permanent record of who changed what, when and why."""
