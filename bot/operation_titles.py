"""What operations are called where people read of them, in their language; CSV, REST and the console keep their names.

Pure.
"""

from bot.assistant.operations import (
    GENERAL_CONVERSATION,
    READ_ADVANCE,
    READ_DELETION,
    READ_WEEK,
    SETUP_FULL_GUIDE,
    SETUP_INTENT,
    synthesis,
)
from bot.translation import _, mark
from bot.usage.records import UNATTRIBUTED

_TITLES = {
    GENERAL_CONVERSATION.name: mark("Questions"),
    SETUP_INTENT.name: mark("Set-up: the question"),
    SETUP_FULL_GUIDE.name: mark("Set-up: whole guide"),
    READ_WEEK.name: mark("Creating a week"),
    READ_DELETION.name: mark("Deleting channels"),
    READ_ADVANCE.name: mark("Announcing an advance"),
    UNATTRIBUTED: mark("not attributed"),
}
_SYNTHESIS = synthesis("").removesuffix("_")


def title_of(operation: str) -> str:
    """`Questions`; operations of other programs keep their names."""
    if operation in _TITLES:
        return _(_TITLES[operation])
    before, synthesis_, model = operation.partition(_SYNTHESIS)
    if before or not synthesis_ or model[:1] not in ("", "_"):
        return operation
    return _("Set-up ({model})", model=model[1:]) if model else _("Set-up: answer")
