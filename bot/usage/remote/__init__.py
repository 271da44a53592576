"""The same tracker over REST, for agents that run elsewhere."""
