"""The parts that projector, publisher, hold expirer and shadow evaluation share.

A follower reads an ordered source batch by batch. Checkpoint, leader lock, loop, back-off and
health are in this package; each follower adds only the work on one batch.
"""
