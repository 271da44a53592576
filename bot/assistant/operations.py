"""The table of operations: everything Trilo asks a model for, under the name it is booked under."""

from dataclasses import dataclass

from bot.usage.tracker import UsageTracker


@dataclass(frozen=True, slots=True)
class Models:
    """The two models the operator chose: a cheap one for most things, a dear one where a stated rule asks for it."""

    fast: str
    smart: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing we ask for. Tokens are of a usual call; `smart` says which model it uses unless a rule differs.

    `counts_toward_quota` is off for what a league's officers do for everybody.
    """

    name: str
    smart: bool
    input_tokens: int
    output_tokens: int
    premium: bool = False
    counts_toward_quota: bool = True


GENERAL_CONVERSATION = Operation("general_conversation", smart=False, input_tokens=600, output_tokens=250)

OPERATIONS = (GENERAL_CONVERSATION,)


def declare(tracker: UsageTracker, models: Models, *, max_output_tokens: int) -> None:
    """Make every operation known to the tracker: what one costs before it runs, how long its answers may get, and that
    the fast model is the one to use where a budget saves.
    """
    for operation in OPERATIONS:
        tracker.define_operation(
            operation.name,
            model=models.smart if operation.smart else models.fast,
            cheaper_model=models.fast,
            premium=operation.premium,
            input_tokens=operation.input_tokens,
            output_tokens=operation.output_tokens,
            max_output_tokens=max_output_tokens,
            counts_toward_quota=operation.counts_toward_quota,
        )
