"""The account events in Postgres: how they are stored, read, snapshotted and migrated."""
