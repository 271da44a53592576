"""Which of the bot's own commands an operation is booked for, in words: one thing people ask for may take several."""

from bot.assistant.operations import GENERAL_CONVERSATION, READ_ADVANCE, READ_DELETION, READ_WEEK
from bot.translation import _, mark
from bot.usage.records import UNATTRIBUTED

_SETUP = "setup_"
_WORDS = {
    GENERAL_CONVERSATION.name: mark("questions to me"),
    READ_WEEK.name: "/league create",
    READ_DELETION.name: "/league delete",
    READ_ADVANCE.name: "/league advance",
    UNATTRIBUTED: mark("not attributed"),
}


def command_of(operation: str) -> str:
    """The command's name, or what it is in words; operations of other programs keep their names."""
    if operation.startswith(_SETUP):
        return _("help with setting up")
    return _(_WORDS[operation]) if operation in _WORDS else operation
