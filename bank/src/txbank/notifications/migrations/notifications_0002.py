"""An index of the failed deliveries, which are listed by their ids and deleted in time."""

from alembic import op

revision = "notifications_0002"
down_revision = "notifications_0001"


def upgrade() -> None:
    """Create the index."""
    op.execute("CREATE INDEX deliveries_failed ON deliveries (delivery_id) WHERE state = 'failed'")
