"""Everything that Trilo raises on purpose.

    TriloError
    ├── SettingsError                 a setting is missing or wrong; names the variable
    └── UsageError                    from the books (bot.usage.errors)
        ├── DatabaseUrlError          DATABASE_URL is not one we know
        ├── DatabaseBusyError         another process holds the database
        ├── DatabaseUnavailableError  it can't be opened, read or written just now
        ├── SchemaTooNewError         it was made by a later version
        ├── PriceFileError            data/prices.toml has a mistake; names the entry
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
