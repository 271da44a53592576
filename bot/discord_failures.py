"""What a request to Discord raises that failed, and what that says of it."""

import aiohttp
import discord

DISCORD_FAILED = (discord.HTTPException, aiohttp.ClientError, OSError)
"""It was refused, or nobody answered: the connection broke, or it took too long (`TimeoutError` is an `OSError`)."""
_SERVER_ERROR = 500
_OVER = (10015, 10062, 40060, 50027)
"""Discord's codes for an interaction whose first answer didn't come within three seconds, that was answered before (it
may be told to us twice), or whose fifteen minutes are over."""


def may_be_done(error: Exception) -> bool:
    """Whether Discord may have done it all the same: it had trouble of its own, or nobody answered."""
    return not isinstance(error, discord.HTTPException) or error.status >= _SERVER_ERROR


def is_over(error: Exception) -> bool:
    """Whether Discord takes no answer to an interaction any more, or has one already."""
    return isinstance(error, discord.HTTPException) and error.code in _OVER
