"""Follows an ordered source in the database: checkpoint, leader lock, loop, back-off and health.

Projector, publisher, hold expirer and shadow evaluation are followers. Each of them only says what
it does with the next batch.
"""
