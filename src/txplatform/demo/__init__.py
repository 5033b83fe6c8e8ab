"""Run the whole platform on one machine, without Docker, Java or configuration."""
