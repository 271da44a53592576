"""Where the books are kept: SQLite or PostgreSQL behind one door, and the schema as named steps."""
