"""Everything on this machine at once, without Docker, Java or configuration."""
