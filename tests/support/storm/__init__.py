"""A storm over a server: everything is killed at random moments, and then the damage is counted."""
