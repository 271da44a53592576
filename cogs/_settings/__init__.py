"""`/settings`, row by row; what is missing on a server; the hello."""
