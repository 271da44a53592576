"""What Discord's objects look like: no more fields than discord.py needs."""

from typing import Any

from bot.client import INVITE_PERMISSIONS

JsonObject = dict[str, Any]
_THEN = "2026-03-15T12:00:00+00:00"
GUILD_ID, CHANNEL_ID = "1000", "2000"
BOT: JsonObject = {"id": "3000", "username": "Trilo", "discriminator": "0", "avatar": None, "bot": True}
ALICE: JsonObject = {"id": "4000", "username": "alice", "discriminator": "0", "avatar": None}
APPLICATION: JsonObject = {
    "id": "5000",
    "name": "Trilo",
    "description": "",
    "icon": None,
    "bot_public": True,
    "bot_require_code_grant": False,
    "owner": ALICE,
    "verify_key": "",
}
GATEWAY: JsonObject = {
    "shards": 1,
    "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1},
}
READY: JsonObject = {
    "v": 10,
    "user": BOT,
    "guilds": [{"id": GUILD_ID, "unavailable": True}],
    "shard": [0, 1],
    "application": {"id": APPLICATION["id"], "flags": 0},
}
_EVERYONE: JsonObject = {
    "id": GUILD_ID,
    "name": "@everyone",
    "color": 0,
    "hoist": False,
    "managed": False,
    "mentionable": False,
    "permissions": str(INVITE_PERMISSIONS),
    "position": 0,
}


def _member(user: JsonObject) -> JsonObject:
    return {"user": user, "roles": [], "joined_at": _THEN, "deaf": False, "mute": False, "flags": 0}


GUILD: JsonObject = {
    "id": GUILD_ID,
    "name": "League",
    "owner_id": ALICE["id"],
    "unavailable": False,
    "large": False,
    "member_count": 2,
    "members": [_member(BOT), _member(ALICE)],
    "roles": [_EVERYONE],
    "channels": [
        {"id": CHANNEL_ID, "type": 0, "name": "general", "position": 0, "permission_overwrites": [], "nsfw": False}
    ],
    "emojis": [],
    "features": [],
}


def message(number: int, content: str, *, author: JsonObject = ALICE) -> JsonObject:
    """A message in the channel; one of Alice's mentions the bot where its text does."""
    return {
        "id": str(10_000 + number),
        "channel_id": CHANNEL_ID,
        "guild_id": GUILD_ID,
        "author": author,
        "member": _member(author),
        "content": content,
        "timestamp": _THEN,
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [BOT] if f"<@{BOT['id']}>" in content else [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "type": 0,
        "components": [],
    }


def registered(commands: list[JsonObject]) -> list[JsonObject]:
    """Commands as Discord gives them back when they have been put: of a menu's entry too it says a description."""
    given = {"application_id": APPLICATION["id"], "version": "1", "description": ""}
    return [{"id": str(20_000 + number), **given, **command} for number, command in enumerate(commands)]
