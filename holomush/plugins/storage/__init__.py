"""What plugins keep: keys in memory, rows in SQLite, and what of both a running call has staged."""
