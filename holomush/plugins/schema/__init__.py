"""What plugins declare of attributes and tables, and how the database follows when that changes."""
