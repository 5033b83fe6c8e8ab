"""The bank around txplatform: services that use the platform only by its public contracts."""
