"""The rule book: which rule sets there are, which one decides, who made it so, when and why."""
