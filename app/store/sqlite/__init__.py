"""The log of the embedded store in a SQLite file."""
