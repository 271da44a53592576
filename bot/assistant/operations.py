"""The table of operations: everything Trilo asks a model for, under the name it is booked under."""

from dataclasses import asdict, dataclass, replace

from bot.usage.operations import Operation
from bot.usage.tracker import UsageTracker


@dataclass(frozen=True, slots=True)
class Models:
    """The two models the operator chose: a cheap one for most things, a dear one where a stated rule asks for it."""

    fast: str
    smart: str

    @property
    def each(self) -> tuple[str, ...]:
        """Both, or the one where they are the same."""
        return (self.fast,) if self.fast == self.smart else (self.fast, self.smart)


GENERAL_CONVERSATION = Operation("general_conversation", input_tokens=600, output_tokens=250)
SETUP_INTENT = Operation("setup_agent_1_intent", input_tokens=400, output_tokens=60, max_output_tokens=400)
SETUP_FULL_GUIDE = Operation("setup_full_guide", input_tokens=3_200, output_tokens=500)
READ_WEEK = Operation(
    "command_extract_create_params",
    input_tokens=1_500,
    output_tokens=500,
    counts_toward_quota=False,
    max_output_tokens=4_000,
)
READ_DELETION = Operation(
    "command_extract_delete_params",
    input_tokens=500,
    output_tokens=60,
    counts_toward_quota=False,
    max_output_tokens=600,
)
READ_ADVANCE = Operation(
    "command_extract_announce_params",
    input_tokens=600,
    output_tokens=120,
    counts_toward_quota=False,
    max_output_tokens=1_200,
)
"""What a league's officers do for everybody counts toward nobody's quota."""


def synthesis(model: str) -> str:
    """The name of the operation that answers a question about setting up with that model."""
    return f"setup_agent_4_synthesize_{model}"


def operations(models: Models) -> tuple[Operation, ...]:
    """All of them, each with the model that it uses unless a rule differs, and the one to use where a budget saves.

    Answering a question about setting up is one for each of the two models. A cap of its own has what isn't a text for
    people.
    """
    answering = [Operation(synthesis(model), model, input_tokens=1_200, output_tokens=250) for model in models.each]
    guide = replace(SETUP_FULL_GUIDE, model=models.smart)
    ours = (GENERAL_CONVERSATION, SETUP_INTENT, *answering, guide, READ_WEEK, READ_DELETION, READ_ADVANCE)
    return tuple(replace(one, model=one.model or models.fast, cheaper_model=models.fast) for one in ours)


def declared(models: Models, *, max_output_tokens: int) -> dict[str, Operation]:
    """All of them by name, those without a cap of their own with the operator's."""
    return {
        operation.name: replace(operation, max_output_tokens=operation.max_output_tokens or max_output_tokens)
        for operation in operations(models)
    }


def declare(tracker: UsageTracker, models: Models, *, max_output_tokens: int) -> None:
    """Make every operation known to the tracker: what one costs before it runs, how long its answers may get, and that
    the fast model is the one to use where a budget saves.
    """
    for operation in declared(models, max_output_tokens=max_output_tokens).values():
        tracker.define_operation(**asdict(operation))
