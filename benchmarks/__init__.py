"""Programs that measure; run them from the repository's root, see README.md here."""
