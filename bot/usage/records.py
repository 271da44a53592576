"""The values the books are made of: frozen, typed, and free of any input or output.

Money is an integer number of nano-USD (1 USD = 1,000,000,000). Token counts follow one rule everywhere:
`input_tokens` and `output_tokens` are totals, and every other count lies *within* one of them. Times are UTC.
"""

from collections.abc import Mapping
from contextvars import Context
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any, Self

NANO_USD_PER_USD = 1_000_000_000
MAX_COUNT = 10**12
"""A count beyond this is no count: no model reads a million million tokens in one call."""
UNATTRIBUTED = "unattributed"
"""The operation of a call made outside any `token_tracking_context`."""
BY_HAND = "by hand"
BY_KEY = "by key"
"""The `api` of calls that were told: of the second the id comes from the teller's key, so it may be told again."""
NOT_CHARGED = "not charged"
"""Price source of a call that cost nothing whatever its price: it was never made, or answered with an error."""


class Kind(StrEnum):
    """What was bought. Payments never count towards AI budgets or the number in `/token-stats`."""

    LLM = "llm"
    EMBEDDING = "embedding"
    IMAGE = "image"
    AUDIO = "audio"
    PAYMENT = "payment"


class Status(StrEnum):
    """How a call ended. `open` is a call in flight; `interrupted` one whose process died with it."""

    OPEN = "open"
    OK = "ok"
    ERROR = "error"
    ABORTED = "aborted"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used, in the provider's own units.

    `cached_input_tokens`, `cache_write_input_tokens`, `input_audio_tokens` and `input_image_tokens` lie within
    `input_tokens`; `reasoning_output_tokens`, `output_audio_tokens` and `output_image_tokens` within
    `output_tokens`; `cached_input_audio_tokens` and `cached_input_image_tokens` within both `cached_input_tokens`
    and the audio or image input. The fields after them are for what isn't billed by token.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cached_input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_image_tokens: int = 0
    cached_input_image_tokens: int = 0
    images: int = 0
    image_size: str | None = None
    image_quality: str | None = None
    audio_seconds: Decimal = Decimal(0)
    characters: int = 0
    web_search_calls: int = 0
    file_search_calls: int = 0

    @property
    def total_tokens(self) -> int:
        """Input and output tokens; everything else lies within them."""
        return self.input_tokens + self.output_tokens

    @property
    def units(self) -> dict[str, Any]:
        """What was used besides tokens, without the zeros, as JSON takes it (seconds as text, to stay exact)."""
        return {
            name: str(value) if isinstance(value, Decimal) else value
            for name in UNIT_FIELDS
            if (value := getattr(self, name))
        }

    def contradictions(self) -> list[str]:
        """Names of the counts that are negative or larger than the count they should lie within."""
        total_input, cached, written, output, *parts = _TOKENS(self)
        if 0 <= cached <= total_input and 0 <= written <= total_input and output >= 0 and not any(parts):
            return []
        wrong = [name for name in TOKEN_FIELDS if getattr(self, name) < 0]
        return wrong + [part for part, whole in SUBSETS if getattr(self, part) > max(getattr(self, whole), 0)]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build from the public keys. Raises `ValueError` naming a key that is unknown or a count that isn't one."""
        unknown = sorted(set(values) - _NAMES)
        if unknown:
            raise ValueError(f"unknown usage key {unknown[0]!r}; known: {', '.join(sorted(_NAMES))}")
        return cls(**{name: _read(name, value) for name, value in values.items() if value is not None})


def _read(name: str, value: Any) -> Any:
    if name in ("image_size", "image_quality"):
        return str(value)
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        number = Decimal("NaN")
    if not (number.is_finite() and 0 <= number <= MAX_COUNT) or (name != "audio_seconds" and number % 1):
        raise ValueError(f"usage key {name!r} must be a whole number from 0 to {MAX_COUNT}, not {str(value)[:40]!r}")
    return number if name == "audio_seconds" else int(number)


_NAMES = frozenset(f.name for f in fields(Usage))
TOKEN_FIELDS = tuple(f.name for f in fields(Usage))[:11]
_TOKENS = attrgetter(*TOKEN_FIELDS)
UNIT_FIELDS = tuple(f.name for f in fields(Usage))[11:]
SUBSETS = (
    ("cached_input_tokens", "input_tokens"),
    ("cache_write_input_tokens", "input_tokens"),
    ("input_audio_tokens", "input_tokens"),
    ("input_image_tokens", "input_tokens"),
    ("reasoning_output_tokens", "output_tokens"),
    ("output_audio_tokens", "output_tokens"),
    ("output_image_tokens", "output_tokens"),
    ("cached_input_audio_tokens", "input_audio_tokens"),
    ("cached_input_audio_tokens", "cached_input_tokens"),
    ("cached_input_image_tokens", "input_image_tokens"),
    ("cached_input_image_tokens", "cached_input_tokens"),
)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whom and what a call is for. Outside servers `guild_id` is 0, never None."""

    operation: str = UNATTRIBUTED
    guild_id: int = 0
    channel_id: int | None = None
    user_id: str | None = None
    session_id: str | None = None
    workflow_id: str | None = None
    execution_id: str | None = None
    agent_name: str | None = None
    role_ids: tuple[int, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Price:
    """What a usage costs. `cost_nano_usd` is None where no price is known: unknown is not free."""

    cost_nano_usd: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Elastic:
    """The output of a call that sets no cap of its own: it may be given one.

    At most `most` tokens for each of `choices` answers. `input_nano_usd` is the worst case of the input alone,
    `most_nano_usd` that of input and all output; None where no price is known. `declared`: its operation has a cap,
    which is sent in any case; otherwise one is sent where a budget stops.
    """

    most: int
    choices: int
    input_nano_usd: int | None
    most_nano_usd: int | None
    declared: bool

    def nano_usd(self, tokens: int) -> int | None:
        """The worst case with so many output tokens for each answer: linear between the two, rounded up."""
        if self.input_nano_usd is None or self.most_nano_usd is None:
            return None
        if tokens >= self.most:
            return self.most_nano_usd
        return self.input_nano_usd - (self.input_nano_usd - self.most_nano_usd) * tokens // self.most + 1


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call about to leave: what is stored before it does, so that a crash loses nothing.

    `reserved` is the worst case it is admitted at. After a crash the call is booked at exactly this. `opaque` says that
    part of what it will use can't be told before it leaves. `elastic` is None for a call that sets its own cap (or
    whose output has none to set); `output_cap` is the cap it was given instead. `small_nano_usd` is what a small call
    like it would cost at worst; None: as much as this one. `service_tier` is what it asks for, None: the usual.
    `context` is its caller's, for traces; it isn't stored.
    """

    id: str
    kind: Kind
    api: str
    started_at: datetime
    attribution: Attribution
    provider: str
    request_model: str
    reserved_usage: Usage
    reserved: Price
    opaque: bool = False
    elastic: Elastic | None = None
    output_cap: int | None = None
    small_nano_usd: int | None = None
    service_tier: str | None = None
    context: Context | None = field(default=None, compare=False, repr=False)

    def capped(self, tokens: int) -> Self:
        """The call with an output cap of so many tokens for each answer, and its worst case with that."""
        assert self.elastic is not None  # noqa: S101 - only an elastic call can be given a cap
        usage = replace(self.reserved_usage, output_tokens=tokens * self.elastic.choices)
        price = Price(self.elastic.nano_usd(tokens), self.reserved.source)
        return replace(self, reserved_usage=usage, reserved=price, output_cap=tokens)

    def repeated(self, times: int) -> Self:
        """The call at the worst case of so many attempts, each of which may be billed."""
        if times == 1:
            return self
        cost, usage = self.reserved.cost_nano_usd, self.reserved_usage
        more = replace(usage, input_tokens=usage.input_tokens * times, output_tokens=usage.output_tokens * times)
        return replace(self, reserved_usage=more, reserved=Price(cost and cost * times, self.reserved.source))


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a call ended and what it cost. What is doubtful may have been billed too: held until reconciled.

    `raw_usage` is the provider's usage object as JSON text, kept so that any cost can be explained.
    Durations are milliseconds; `first_token_ms` is None where nothing was streamed.
    """

    status: Status
    usage: Usage
    price: Price
    duration_ms: int
    response_model: str | None = None
    response_id: str | None = None
    service_tier: str | None = None
    estimated: bool = False
    flagged: str | None = None
    error_type: str | None = None
    attempts: int = 1
    first_token_ms: int | None = None
    doubtful_nano_usd: int = 0
    doubtful_tokens: int = 0
    raw_usage: str | None = None


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One finished call as subscribers and the console see it."""

    call: OpenCall
    settlement: Settlement

    @property
    def model(self) -> str:
        """The model that served the call, or the one asked for where the answer named none."""
        return self.settlement.response_model or self.call.request_model


@dataclass(frozen=True, slots=True)
class SpendLine:
    """One line of a report: sums over the calls that share `key`. Cost leaves out unpriced calls, which are counted."""

    key: str
    calls: int = 0
    failed_calls: int = 0
    estimated_calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0
    cost_nano_usd: int = 0
    duration_ms: int = 0

    @property
    def known_cost_nano_usd(self) -> int | None:
        """The cost to show: None where none of the calls has a price, because unknown is not free (I9)."""
        return None if self.calls and self.unpriced_calls == self.calls else self.cost_nano_usd

    @property
    def total_tokens(self) -> int:
        """Input and output tokens."""
        return self.input_tokens + self.output_tokens


def utc_now() -> datetime:
    """The wall clock, the one default of every injected clock."""
    return datetime.now(UTC)
