"""Event-sourced card transaction processing for companies that host it themselves."""
