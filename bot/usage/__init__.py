"""The books: every model call counted, priced and stored. The public face; needs no Discord.

    async with open_tracker("sqlite:///usage.db") as tracker:
        client = tracker.openai(api_key=...)
        async with token_tracking_context(operation="chat", user_id="3"):
            await client.chat.completions.create(model="gpt-4o-mini", messages=[...])
        get_tracker().get_summary()

Reading order: records, context, openai_client, exchange, metered_body, plain_body, tracked_call, answers, intent,
prices, tokens, tracker; budgets, calendars, rules, admission, quotas; ledger, batch, decision, known, writer, outage,
journal, siblings, counters, rollups, database, postgres, months; budget_book, server_settings, quota_book, alert_book,
reports; keeper, reservations, remote, remote_ledger, remote_events, remote_api; booked, corrections, integrity,
retention, erasure, personal_data, privacy_book, removals, repricing, bills, reconcile, export, backup;
suggestion_figures, suggestions, suggestion_words.
"""

from bot.usage.analytics_answers import (
    CostProjection,
    CostSummary,
    DailyCost,
    DayCost,
    PlatformStats,
    UsageOf,
    UserTotal,
)
from bot.usage.budget_book import Standing
from bot.usage.budgets import Budget, Mode, Owner, Saving, Scope, Unit, Unknown
from bot.usage.calendars import Period
from bot.usage.context import token_tracking_context
from bot.usage.costs import (
    calculate_embedding_cost,
    calculate_image_cost,
    calculate_llm_cost,
    calculate_payment_fee,
    format_cost,
)
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
from bot.usage.events import Event, EventKind
from bot.usage.fees import UnknownGatewayError
from bot.usage.hand_tracking import Buffering
from bot.usage.openai_client import TrackedOpenAI
from bot.usage.opened import get_tracker
from bot.usage.opening import open_tracker
from bot.usage.operation_costs import OperationCost, UnknownOperationError
from bot.usage.operations import Operation
from bot.usage.prices import PriceList
from bot.usage.quota_answers import QuotaSummary, TokenAllowance
from bot.usage.quotas import SubscriptionTier, Tier, Tiers
from bot.usage.records import Attribution, Kind, Price, SpendLine, Status, Usage, UsageRecord
from bot.usage.suggestion_words import suggestion_words
from bot.usage.suggestions import Advice, Suggestion
from bot.usage.tier_grants import UnknownTierError
from bot.usage.tokens import estimate_tokens
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
