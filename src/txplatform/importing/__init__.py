"""Read files of banks and card networks, and send their records through the public contracts.

Payments and returns go to their Kafka topics, settlement items to `POST /v1/clearings`. A record's
ids are derived from the references in the file, so a file can be imported again without effect.
docs/messages.md and docs/settlement.md say which references.

This package uses the contracts like any other integrator. Of the rest of the platform it imports
only errors and currencies.
"""
