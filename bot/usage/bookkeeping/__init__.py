"""The writer: admitting and settling calls in grouped transactions, the journal for when the database is away."""
