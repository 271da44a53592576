"""Everything that Trilo raises on purpose.

    TriloError
    ├── SettingsError                 a setting is missing or wrong; names the variable
    ├── AddressRefusedError           an address for alerts that isn't taken (bot.alerts.addresses)
    ├── NotSentError                  an alert didn't reach an address outside Discord (bot.alerts.outside)
    └── UsageError                    from the books (bot.usage.errors)
        ├── DatabaseUrlError          DATABASE_URL is not one we know
        ├── DatabaseBusyError         another process holds the database
        ├── DatabaseUnavailableError  it can't be opened, read or written just now
        ├── SchemaTooNewError         it was made by a later version
        ├── PriceFileError            data/prices.toml has a mistake; names the entry
        ├── TierFileError             data/tiers.toml has a mistake; names the entry
        ├── UnknownTierError          there is no tier of that name
        ├── UnknownOperationError     nobody declared an operation of that name, and none is on the books
        ├── InvalidBudgetError        a budget that makes no sense; names the field
        ├── TooManyTargetsError       a server has as many addresses for alerts as it may have
        ├── CallRefusedError          a rule forbids a call: nothing was sent
        │   ├── BudgetExceededError   a budget has no room for it, or can't tell; carries the numbers
        │   ├── QuotaExceededError    a person's tokens are used up, or it is for premium members
        │   └── AiPausedError         somebody paused the AI
        ├── UntrackableCallError      this way of calling the model can't be counted, so it isn't made
        ├── LedgerClosedError         a call came after the tracker was closed
        └── NoTrackerError            there is no open tracker in this process

`bot.words` turns them into words for people, in one place. Each carries its data as attributes.
"""

from bot.usage.errors import TriloError, UsageError

__all__ = ["SettingsError", "TriloError", "UsageError"]


class SettingsError(TriloError):
    """A setting is missing or wrong. `variable` is its name in the environment, `problem` what to do about it."""

    def __init__(self, variable: str, problem: str) -> None:
        super().__init__(f"{variable}: {problem}")
        self.variable = variable
        self.problem = problem
