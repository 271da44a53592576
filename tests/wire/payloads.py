"""What Discord's objects look like: no more fields than discord.py needs."""

from collections.abc import Sequence
from typing import Any

from bot.client import INVITE_PERMISSIONS

JsonObject = dict[str, Any]
MANAGE_CHANNELS, MANAGE_SERVER = 1 << 4, 1 << 5
_THEN = "2026-03-15T12:00:00+00:00"
GUILD_ID, CHANNEL_ID = "1000", "2000"
COMMISSIONER_ROLE_ID = "1500"
OTHER_GUILD_ID, OTHER_CHANNEL_ID = "1001", "2001"
BOT: JsonObject = {"id": "3000", "username": "Trilo", "discriminator": "0", "avatar": None, "bot": True}
ALICE: JsonObject = {"id": "4000", "username": "alice", "discriminator": "0", "avatar": None}
"""Owns the servers."""
BOB: JsonObject = {"id": "4001", "username": "bob", "discriminator": "0", "avatar": None}
"""May read and write, and has a role."""
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
    "guilds": [{"id": one, "unavailable": True} for one in (GUILD_ID, OTHER_GUILD_ID)],
    "shard": [0, 1],
    "application": {"id": APPLICATION["id"], "flags": 0},
}


def _member(user: JsonObject) -> JsonObject:
    return {
        "user": user,
        "roles": [COMMISSIONER_ROLE_ID] if user is BOB else [],
        "joined_at": _THEN,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def _guild(guild_id: str, channel_id: str) -> JsonObject:
    everyone = {
        "id": guild_id,
        "name": "@everyone",
        "color": 0,
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "permissions": str(INVITE_PERMISSIONS),
        "position": 0,
    }
    return {
        "id": guild_id,
        "name": "League",
        "owner_id": ALICE["id"],
        "unavailable": False,
        "large": False,
        "member_count": 3,
        "members": [_member(BOT), _member(ALICE), _member(BOB)],
        "roles": [everyone, {**everyone, "id": COMMISSIONER_ROLE_ID, "name": "commissioner"}],
        "channels": [_channel(channel_id)],
        "emojis": [],
        "features": [],
    }


def _channel(channel_id: str) -> JsonObject:
    return {
        "id": channel_id,
        "type": 0,
        "name": "general",
        "position": 0,
        "permission_overwrites": [],
        "nsfw": False,
    }


GUILDS = [_guild(GUILD_ID, CHANNEL_ID), _guild(OTHER_GUILD_ID, OTHER_CHANNEL_ID)]


def message(
    number: int, content: str, *, author: JsonObject = ALICE, channel_id: str = CHANNEL_ID, **more: Any
) -> JsonObject:
    """A message in a channel; it mentions the bot where its text does."""
    return {
        "id": str(10_000 + number),
        "channel_id": channel_id,
        "guild_id": GUILD_ID if channel_id == CHANNEL_ID else OTHER_GUILD_ID,
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
        **more,
    }


def command(
    number: int,
    name: str,
    options: Sequence[JsonObject],
    user: JsonObject,
    most_bytes: int,
    *,
    about: JsonObject | None = None,
) -> JsonObject:
    """Somebody uses a command, as `league create`, or an entry in the menu of the message that it is `about`."""
    *groups, last = name.split() if about is None else [name]
    data: JsonObject = {"name": last, "type": 1, "options": list(options)}
    for group in reversed(groups):
        data = {"name": group, "type": 1, "options": [data]}
    if about is not None:
        data = {
            "name": name,
            "type": 3,
            "target_id": about["id"],
            "resolved": {"messages": {about["id"]: about}},
        }
    return _interaction(number, 2, {"id": str(20_000 + number), **data}, user, most_bytes)


def press(number: int, custom_id: str, message: JsonObject, user: JsonObject, most_bytes: int) -> JsonObject:
    """Somebody presses a button on a message."""
    event = _interaction(number, 3, {"custom_id": custom_id, "component_type": 2}, user, most_bytes)
    row = {"type": 1, "components": [{"type": 2, "style": 2, "label": "Press", "custom_id": custom_id}]}
    return {**event, "message": {**message, "components": [row]}}


def submit(number: int, form: JsonObject, typed: str, user: JsonObject, most_bytes: int) -> JsonObject:
    """Somebody types the same into all of a form, and sends it."""
    filled = [
        {**one, "component": {**one["component"], "value": typed}} if "component" in one else one  # a text in between
        for one in form["components"]
    ]
    return _interaction(number, 5, {"custom_id": form["custom_id"], "components": filled}, user, most_bytes)


def typing(number: int, name: str, option: str, user: JsonObject, most_bytes: int) -> JsonObject:
    """Somebody types something into an option that has a list, so far an empty word."""
    event = command(number, name, [{"name": option, "type": 3, "value": "", "focused": True}], user, most_bytes)
    return {**event, "type": 4}


def _interaction(number: int, kind: int, data: JsonObject, user: JsonObject, most_bytes: int) -> JsonObject:
    granted = INVITE_PERMISSIONS | MANAGE_SERVER if user is ALICE else INVITE_PERMISSIONS & ~MANAGE_CHANNELS
    return {
        "id": str(30_000 + number),
        "application_id": APPLICATION["id"],
        "type": kind,
        "token": f"token{number}",
        "version": 1,
        "guild_id": GUILD_ID,
        "channel_id": CHANNEL_ID,
        "channel": _channel(CHANNEL_ID),
        "member": {**_member(user), "permissions": str(granted)},
        "data": data,
        "locale": "en-US",
        "guild_locale": "en-US",
        "app_permissions": str(INVITE_PERMISSIONS),
        "entitlements": [],
        "authorizing_integration_owners": {"0": GUILD_ID},
        "context": 0,
        "attachment_size_limit": most_bytes,
    }


def callback(number: int, answer: JsonObject) -> JsonObject:
    """What Discord says of the first answer to an interaction."""
    with_message = answer["type"] in (4, 5)
    shown = {"message": message(number, "", author=BOT)} if with_message else {}
    return {"interaction": {"id": "1", "type": 2}, "resource": {"type": answer["type"], **shown}}


def registered(commands: list[JsonObject]) -> list[JsonObject]:
    """Commands as Discord gives them back when they have been put: of a menu's entry too it says a description."""
    given = {"application_id": APPLICATION["id"], "version": "1", "description": ""}
    return [{"id": str(20_000 + number), **given, **command} for number, command in enumerate(commands)]
