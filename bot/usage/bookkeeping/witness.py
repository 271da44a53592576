"""Whether a call went through the door, for those who would otherwise book it a second time.

A framework's callbacks hear of its model calls whether or not its client is a tracked one. They set a witness before a
call is made, in its own context; the door asks it whom the call is for, and they ask it afterwards what passed.
"""

from contextvars import ContextVar
from dataclasses import dataclass

from bot.usage.context import current_attribution
from bot.usage.records import Attribution


@dataclass(slots=True)
class Witness:
    """How many calls the door has admitted in the context where this was set, while it was watching."""

    attribution: Attribution
    calls: int = 0
    watching: bool = True


_witness: ContextVar[Witness | None] = ContextVar("trilo_witness", default=None)


def current_witness() -> Witness | None:
    """The witness set last in this context, if it is still watching."""
    witness = _witness.get()
    return witness if witness is not None and witness.watching else None


def set_witness(witness: Witness) -> None:
    """Have what is called from here on witnessed: in this context and in tasks and threads started from it."""
    _witness.set(witness)


def callers_attribution() -> Attribution:
    """Whom a call that passes the door here and now is for: as the witness knows it, else as the context does."""
    witness = current_witness()
    return current_attribution() if witness is None else witness.attribution


def note_admission() -> None:
    """The door has put a call on the books."""
    if (witness := current_witness()) is not None:
        witness.calls += 1
