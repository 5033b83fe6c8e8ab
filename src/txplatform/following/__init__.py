"""The common parts of projector, publisher, hold expirer and shadow evaluation.

A follower reads an ordered source batch by batch. Checkpoint, leader lock, loop, back-off and
health are here; each follower adds only its work on a batch.
"""
