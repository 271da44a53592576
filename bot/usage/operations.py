"""What is known of operations before they run, as declared with `UsageTracker.define_operation`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Its model and the one to use instead where a budget saves, whether it is for premium members, its usual size in
    tokens, the cap of its output (sent with calls that set none), and whether its tokens count towards quotas.
    """

    name: str
    model: str | None = None
    cheaper_model: str | None = None
    premium: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    max_output_tokens: int | None = None
    counts_toward_quota: bool = True


UNDECLARED = Operation("")
"""What holds for an operation that nobody declared."""
