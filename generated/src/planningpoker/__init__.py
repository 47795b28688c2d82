"""The contracts of the planning-poker service."""
