"""Faults under load, and what they do to responses, money and published records.

Each fault (`faults`) is tried on two of each process with a database and a broker of their own
(`installation`), while shops and other teams send (`load`). Afterwards invariants I1 to I8 are
checked against what was sent, answered, stored and published (`checks`). `python -m reliability`
writes the table in docs/reliability.md.
"""
