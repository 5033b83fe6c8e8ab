"""What can be asked of an account, one small module each.

A command is decided on an account at one version and on what the stream already holds
under the command's keys. Deciding records the events on the account; whether they become
true is up to the event store, which accepts them only onto that very version.
"""
