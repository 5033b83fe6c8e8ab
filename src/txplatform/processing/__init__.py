"""Batches with optimistic concurrency: unit of work, account cache, execution and snapshots."""
