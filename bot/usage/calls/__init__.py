"""The door: the tracked client, the wire below it, what a request may cost at worst and what its answer used."""
