"""What all our views have in common."""

import discord

COLOUR = discord.Colour(0x1ABC9C)
NOBODY = discord.AllowedMentions.none()
"""Names and figures never ping (I27)."""
