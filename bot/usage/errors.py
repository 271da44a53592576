"""What the books raise on purpose. The whole tree is drawn in `bot.errors`."""


class TriloError(Exception):
    """Root of everything Trilo raises on purpose."""


class UsageError(TriloError):
    """Root of what the books raise."""


class DatabaseBusyError(UsageError):
    """Another process holds the database. `path` is the lock file, `waited_seconds` how long was waited for it."""

    def __init__(self, path: str, waited_seconds: float) -> None:
        super().__init__(
            f"another process is using this database (lock {path}, waited {waited_seconds:g} s). "
            "Stop it first, or give this process a DATABASE_URL of its own."
        )
        self.path = path
        self.waited_seconds = waited_seconds


class DatabaseUrlError(UsageError):
    """The database URL isn't one we know. Only its `scheme` is kept: the rest may hold a password."""

    def __init__(self, scheme: str) -> None:
        super().__init__(
            f"DATABASE_URL starts with {scheme or 'nothing'!r}; use sqlite:///data/trilo.db (relative) "
            "or sqlite:////absolute/path.db"
        )
        self.scheme = scheme


class DatabaseUnavailableError(UsageError):
    """The database can't be opened, read or written just now. `path` and `problem` say which and why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"the database {path} is unavailable: {problem}")
        self.path = path
        self.problem = problem


class SchemaTooNewError(UsageError):
    """The database was made by a later version. `steps` are those this version doesn't know."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__(f"the database was made by a later version of Trilo (it has {', '.join(steps)}): update Trilo")
        self.steps = steps


class UntrackableCallError(UsageError):
    """A way of calling the model that can't be counted, and is therefore refused. `what` names it."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what} can't be tracked, so the call was not made. {instead}")
        self.what = what


class LedgerClosedError(UsageError):
    """A call came after the tracker was closed."""

    def __init__(self) -> None:
        super().__init__("the tracker is closed: make the call inside `async with open_tracker(...)`")


class NoTrackerError(UsageError):
    """There is no open tracker in this process."""

    def __init__(self) -> None:
        super().__init__("no tracker is open: use `async with open_tracker(database_url) as tracker:`")
