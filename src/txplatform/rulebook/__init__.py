"""The rule book: every rule set, the one in force, and who changed it, when and why."""
