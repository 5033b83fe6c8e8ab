"""Event-sourced card transaction processing that companies run themselves."""
