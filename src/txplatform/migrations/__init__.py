"""The database's schema as numbered SQL files, applied by `eventstore.migrations`."""
