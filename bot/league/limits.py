"""Discord's limits on a server's channels, as plans meet them (Discord's documentation, "Guild limits")."""

CHANNELS_PER_CATEGORY = 50
CHANNELS_PER_SERVER = 500
"""Categories count."""
NAME_CHARACTERS = 100
MESSAGE_CHARACTERS = 2_000
"""Of a message's text."""
ANNOUNCEMENT_CHANNELS = 5
"""Our own limit: to how many channels one announcement goes."""
ANNOUNCEMENT_ROLES = 10
"""Our own limit: how many roles it mentions."""
CATEGORIES_AT_ONCE = 10
"""Our own limit: how many categories one plan deletes."""
