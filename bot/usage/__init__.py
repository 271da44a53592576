"""The books: every model call counted, priced and stored. The public face; needs no Discord.

    async with open_tracker("sqlite:///usage.db") as tracker:
        client = tracker.openai(api_key=...)
        async with token_tracking_context(operation="chat", user_id="3"):
            await client.chat.completions.create(model="gpt-4o-mini", messages=[...])
        get_tracker().get_summary()

Reading order, which is also the order in which the rooms know one another (each only those before it):

- here: `records`, `context`, `errors`, what everything speaks of
- `storage/` SQLite or PostgreSQL behind one door
- `pricing/` what a call costs
- `budgeting/` budgets, quotas, calendars: who is let in
- `bookkeeping/` the writer: admit, settle, record; the journal
- `calls/` the door that every model call goes through
- `reporting/` the reader: spend, trends, single calls
- `alerting/` what fired and whom it is owed to
- `upkeep/` verify, retention, erasure, repricing, bills, backup
- here: `tracker`, which brings them together; `remote/` the same over REST; `opening`
"""

from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Saving, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.events import Event, EventKind
from bot.usage.budgeting.operation_costs import OperationCost, UnknownOperationError
from bot.usage.budgeting.quota_answers import QuotaSummary, TokenAllowance
from bot.usage.budgeting.quotas import SubscriptionTier, Tier, Tiers
from bot.usage.budgeting.tier_grants import UnknownTierError
from bot.usage.calls.hand_tracking import Buffering
from bot.usage.calls.openai_client import TrackedOpenAI
from bot.usage.calls.tokens import estimate_tokens
from bot.usage.context import token_tracking_context
from bot.usage.errors import (
    AiPausedError,
    BooksOutOfReachError,
    BudgetExceededError,
    BudgetFigures,
    CallRefusedError,
    DatabaseBusyError,
    DatabaseUnavailableError,
    DatabaseUrlError,
    InvalidBudgetError,
    LedgerClosedError,
    NotOverRestError,
    NoTrackerError,
    OptedOutError,
    QuotaExceededError,
    QuotaResult,
    RemoteBooksError,
    SchemaTooNewError,
    TriloError,
    UntrackableCallError,
    UsageError,
    Why,
)
from bot.usage.opened import get_tracker
from bot.usage.opening import open_tracker
from bot.usage.operations import Operation
from bot.usage.pricing.costs import (
    calculate_embedding_cost,
    calculate_image_cost,
    calculate_llm_cost,
    calculate_payment_fee,
    format_cost,
)
from bot.usage.pricing.fees import UnknownGatewayError
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Attribution, Kind, Price, SpendLine, Status, Usage, UsageRecord
from bot.usage.reporting.analytics_answers import (
    CostProjection,
    CostSummary,
    DailyCost,
    DayCost,
    PlatformStats,
    UsageOf,
    UserTotal,
)
from bot.usage.reporting.suggestion_words import suggestion_words
from bot.usage.reporting.suggestions import Advice, Suggestion
from bot.usage.tracker import UsageTracker

__all__ = [
    "Advice",
    "AiPausedError",
    "Attribution",
    "BooksOutOfReachError",
    "Budget",
    "BudgetExceededError",
    "BudgetFigures",
    "Buffering",
    "CallRefusedError",
    "CostProjection",
    "CostSummary",
    "DailyCost",
    "DatabaseBusyError",
    "DatabaseUnavailableError",
    "DatabaseUrlError",
    "DayCost",
    "Event",
    "EventKind",
    "InvalidBudgetError",
    "Kind",
    "LedgerClosedError",
    "Mode",
    "NoTrackerError",
    "NotOverRestError",
    "Operation",
    "OperationCost",
    "OptedOutError",
    "Owner",
    "Period",
    "PlatformStats",
    "Price",
    "PriceList",
    "QuotaExceededError",
    "QuotaResult",
    "QuotaSummary",
    "RemoteBooksError",
    "Saving",
    "SchemaTooNewError",
    "Scope",
    "SpendLine",
    "Standing",
    "Status",
    "SubscriptionTier",
    "Suggestion",
    "Tier",
    "Tiers",
    "TokenAllowance",
    "TrackedOpenAI",
    "TriloError",
    "Unit",
    "Unknown",
    "UnknownGatewayError",
    "UnknownOperationError",
    "UnknownTierError",
    "UntrackableCallError",
    "Usage",
    "UsageError",
    "UsageOf",
    "UsageRecord",
    "UsageTracker",
    "UserTotal",
    "Why",
    "calculate_embedding_cost",
    "calculate_image_cost",
    "calculate_llm_cost",
    "calculate_payment_fee",
    "estimate_tokens",
    "format_cost",
    "get_tracker",
    "open_tracker",
    "suggestion_words",
    "token_tracking_context",
]
