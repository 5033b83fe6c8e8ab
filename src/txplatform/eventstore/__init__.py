"""Account events in PostgreSQL: storage, reads, snapshots and migrations."""
