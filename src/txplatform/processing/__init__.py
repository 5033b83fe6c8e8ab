"""The optimistic batch: unit of work, account cache, retry after a conflict, snapshots."""
