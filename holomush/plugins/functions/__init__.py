"""What plugins can ask of the server: the table of host functions, what each does, and what it needs for that."""
