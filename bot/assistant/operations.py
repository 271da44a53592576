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

    `counts_toward_quota` is off for what a league's officers do for everybody. `max_output_tokens` is that of answers
    that aren't texts for people; for these the operator's own cap (MAX_OUTPUT_TOKENS) holds.
    """

    name: str
    smart: bool
    input_tokens: int
    output_tokens: int
    premium: bool = False
    counts_toward_quota: bool = True
    max_output_tokens: int | None = None


GENERAL_CONVERSATION = Operation("general_conversation", smart=False, input_tokens=600, output_tokens=250)
SETUP_INTENT = Operation("setup_agent_1_intent", smart=False, input_tokens=400, output_tokens=60, max_output_tokens=400)
SETUP_FULL_GUIDE = Operation("setup_full_guide", smart=True, input_tokens=3_200, output_tokens=500)
READ_WEEK = Operation(
    "command_extract_create_params",
    smart=False,
    input_tokens=1_500,
    output_tokens=500,
    counts_toward_quota=False,
    max_output_tokens=4_000,
)
READ_DELETION = Operation(
    "command_extract_delete_params",
    smart=False,
    input_tokens=500,
    output_tokens=60,
    counts_toward_quota=False,
    max_output_tokens=600,
)
READ_ADVANCE = Operation(
    "command_extract_announce_params",
    smart=False,
    input_tokens=600,
    output_tokens=120,
    counts_toward_quota=False,
    max_output_tokens=1_200,
)


def synthesis(model: str) -> str:
    """The name of the operation that answers a question about setting up with that model."""
    return f"setup_agent_4_synthesize_{model}"


def operations(models: Models) -> tuple[Operation, ...]:
    """All of them. Answering a question about setting up is one for each of the two models."""
    return (
        GENERAL_CONVERSATION,
        SETUP_INTENT,
        Operation(synthesis(models.fast), smart=False, input_tokens=1_200, output_tokens=250),
        *(
            [Operation(synthesis(models.smart), smart=True, input_tokens=1_200, output_tokens=250)]
            if models.smart != models.fast
            else []
        ),
        SETUP_FULL_GUIDE,
        READ_WEEK,
        READ_DELETION,
        READ_ADVANCE,
    )


def declare(tracker: UsageTracker, models: Models, *, max_output_tokens: int) -> None:
    """Make every operation known to the tracker: what one costs before it runs, how long its answers may get, and that
    the fast model is the one to use where a budget saves.
    """
    for operation in operations(models):
        tracker.define_operation(
            operation.name,
            model=models.smart if operation.smart else models.fast,
            cheaper_model=models.fast,
            premium=operation.premium,
            input_tokens=operation.input_tokens,
            output_tokens=operation.output_tokens,
            max_output_tokens=operation.max_output_tokens or max_output_tokens,
            counts_toward_quota=operation.counts_toward_quota,
        )
