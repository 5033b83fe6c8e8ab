"""The code shared by all followers: projector, publisher, hold expirer and shadow evaluation.

A follower reads an ordered source batch by batch. This package has the checkpoint, leader lock,
loop, back-off and health; each follower adds only the processing of a batch.
"""
