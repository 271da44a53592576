"""Everything that Trilo raises on purpose.

    TriloError
    ├── SettingsError                 a setting is missing or wrong; names the variable
    ├── AddressRefusedError           an address for alerts that isn't taken (bot.alerts.addresses)
    ├── NotSentError                  an alert didn't reach an address outside Discord (bot.alerts.outside)
    ├── ServingError                  the API's port is taken (bot.api.server)
    ├── TakenBackError                a league action failed half-way, and what was done was taken back
    ├── PictureNotReadError           a budget saves, so the picture of a schedule isn't read
    ├── TooManyTeamsError             a league would have more teams than it may have (bot.league.league_book)
    ├── TeamExistsError               a team can't get a name that another one has (bot.league.league_book)
    ├── ModelAnswerError              the model gave no usable answer
    │   ├── AnswerRefusedError        it, or the provider, refused
    │   ├── AnswerGarbledError        what came isn't an answer at all
    │   └── AnswerUnreadableError     it was empty, cut short, or not what was asked for
    └── UsageError                    from the books (bot.usage.errors)
        ├── DatabaseUrlError          DATABASE_URL is not one we know
        ├── DatabaseBusyError         another process holds the database
        ├── DatabaseUnavailableError  it can't be opened, read or written just now
        ├── SchemaTooNewError         it was made by a later version
        ├── ElsewhereBackedUpError    PostgreSQL copies and restores its databases itself; carries the command
        ├── CannotMoveError           books can't be moved to another database, or haven't all arrived
        ├── NotABackupError           a file can't be a backup, or can't be restored
        ├── RepairedMeanwhileError    somebody else repaired the sums since they were counted
        ├── DataFileError             data/prices.toml, tiers.toml or fees.toml has a mistake; names the entry
        ├── UnknownGatewayError       no fee is known for payments through it
        ├── UnknownTierError          there is no tier of that name
        ├── UnknownOperationError     nobody declared an operation of that name, and none is on the books
        ├── InvalidBudgetError        a budget that makes no sense; names the field
        ├── TooManyTargetsError       a server has as many addresses for alerts as it may have
        ├── CallRefusedError          a rule forbids a call: nothing was sent
        │   ├── BudgetExceededError   a budget has no room for it, or can't tell; carries the numbers
        │   ├── QuotaExceededError    a person's tokens are used up, or it is for premium members
        │   ├── OptedOutError         the person wants no AI
        │   ├── WrongChannelError     the server chose other channels for the AI
        │   ├── WrongRoleError        the server chose roles that the person hasn't got
        │   ├── BooksOutOfReachError  the books behind a REST API can't be asked, and a budget may stop it
        │   └── AiPausedError         somebody paused the AI
        ├── RemoteBooksError          books behind a REST API can't be opened there, or don't answer
        ├── NotOverRestError          what needs the database was asked of a tracker whose books are behind one
        ├── AlreadyBookedError        room is asked for a call that has ended, or was never reserved
        ├── AnswerTooLargeError       a provider sends more than is read of an answer
        ├── UntrackableCallError      this way of calling the model can't be counted, so it isn't made
        ├── LedgerClosedError         a call came after the tracker was closed
        └── NoTrackerError            there is no open tracker in this process

`bot.words` turns them into words for people, in one place. Each carries its data as attributes.
"""

from collections.abc import Sequence

from bot.usage.errors import CallRefusedError, TriloError, UsageError

__all__ = [
    "AnswerGarbledError",
    "AnswerRefusedError",
    "AnswerUnreadableError",
    "ModelAnswerError",
    "PictureNotReadError",
    "SettingsError",
    "TakenBackError",
    "TriloError",
    "UsageError",
    "WrongChannelError",
    "WrongRoleError",
]


EXIT_CONFIGURATION = 78
"""What `sysexits.h` calls EX_CONFIG: trying again without mending the configuration is no use."""


class SettingsError(TriloError):
    """A setting is missing or wrong. `variable` is its name in the environment, `problem` what to do about it."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem


class TakenBackError(TriloError):
    """A league action failed half-way, and what was done was taken back (I32).

    `cause` is what stopped it; `left` names what couldn't be taken back, `lost` says what is lost all the same: both in
    words for people.
    """

    def __init__(self, cause: Exception, left: Sequence[str], lost: str = "") -> None:
        super().__init__(f"taken back after {type(cause).__name__}")
        self.cause = cause
        self.left = tuple(left)
        self.lost = lost


class PictureNotReadError(TriloError):
    """A budget here saves, so the picture of a schedule wasn't sent to the model. Nothing was spent."""

    def __init__(self) -> None:
        super().__init__("a budget saves, so the picture isn't read")


class WrongChannelError(CallRefusedError):
    """The server chose other channels for the AI. `channel_ids` are those of them that the person can see."""

    def __init__(self, guild_id: int, channel_ids: Sequence[int]) -> None:
        super().__init__(guild_id, "the AI doesn't answer in this channel")
        self.channel_ids = tuple(channel_ids)

    @property
    def cause(self) -> str:
        """`elsewhere`."""
        return "elsewhere"


class WrongRoleError(CallRefusedError):
    """The server chose whom the AI answers, and the person has none of these roles, `role_ids`: those that exist."""

    def __init__(self, guild_id: int, role_ids: Sequence[int]) -> None:
        super().__init__(guild_id, "the AI doesn't answer this person")
        self.role_ids = tuple(role_ids)

    @property
    def cause(self) -> str:
        """`not answered`."""
        return "not answered"


class ModelAnswerError(TriloError):
    """The model gave no usable answer. It is billed all the same."""


class AnswerRefusedError(ModelAnswerError):
    """The model, or its provider, refused. What it said is not kept: it may quote the question."""

    def __init__(self) -> None:
        super().__init__("the model refused to answer")


class AnswerGarbledError(ModelAnswerError):
    """What came isn't an answer at all: broken JSON, bytes that are no text, parts of another form."""

    def __init__(self) -> None:
        super().__init__("the answer is garbled")


class AnswerUnreadableError(ModelAnswerError):
    """The answer was empty, cut short or not what was asked for. `problem` says which, without quoting it."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the model's answer can't be used: {problem}")
        self.problem = problem
