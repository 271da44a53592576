"""`UsageTracker`: one object that holds the books open. `open_tracker` (`opening.py`) makes it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import openai

from bot.usage.alerting.alert_book import AlertBook
from bot.usage.alerting.alert_targets import AlertTargets
from bot.usage.alerting.scheduled_reports import ScheduledReports
from bot.usage.bookkeeping.claims import Claims
from bot.usage.bookkeeping.keeper import Keeper
from bot.usage.bookkeeping.ledger import Ledger
from bot.usage.budgeting.budget_book import BudgetBook
from bot.usage.budgeting.budgets import Saving
from bot.usage.budgeting.calendars import Calendar
from bot.usage.budgeting.events import Events, premium_uses, quota_events
from bot.usage.budgeting.operation_costs import OperationCosts
from bot.usage.budgeting.quota_book import QuotaBook
from bot.usage.budgeting.quota_gate import QuotaMove
from bot.usage.budgeting.quotas import Tiers
from bot.usage.budgeting.rules import Rules
from bot.usage.budgeting.server_settings import SettingsBook
from bot.usage.budgeting.tier_grants import TierGrants
from bot.usage.calls.calls_in_flight import CallsInFlight
from bot.usage.calls.hand_tracking import Buffering, HandTracking
from bot.usage.calls.openai_client import StreamTransport, TrackedOpenAI
from bot.usage.calls.reservations import Reservations
from bot.usage.context import current_attribution
from bot.usage.operations import Operation
from bot.usage.pricing.prices import PriceList
from bot.usage.records import UsageRecord
from bot.usage.reporting.analytics import Analytics
from bot.usage.reporting.receipts import put_on_receipt
from bot.usage.reporting.recent_calls import RecentCalls
from bot.usage.reporting.reports import Reports
from bot.usage.reporting.shown_answers import ShownAnswers
from bot.usage.reporting.single_calls import SingleCalls
from bot.usage.reporting.suggestions import Suggestions
from bot.usage.reporting.summary import RunningSums, Summary
from bot.usage.storage.database import Database
from bot.usage.upkeep.privacy_book import PrivacyBook
from bot.usage.upkeep.removals import Removals

log = logging.getLogger(__name__)

CLOSE_PATIENCE_SECONDS = 4.0
"""How long closing waits for calls in flight; those still open then are booked at the next opening (I21)."""
Subscriber = Callable[[Sequence[UsageRecord]], None]


class UsageTracker:
    """The open books. Made by `open_tracker`; `openai()` makes clients whose every call is booked.

    What its attributes offer, with what they are documented under:

        track_llm_call (track_usage), track_embedding, track_image_generation,
        track_payment_fee, book_event, book_record
                                      what was done elsewhere, told by hand       (HandTracking)
        reservations                  may a call be made elsewhere, and room for it (Reservations)
        set_budget, budgets           limits, and how they stand                  (BudgetBook)
        check_operation_allowed, enforce_operation_quota, can_use_tokens,
        get_quota_summary, update_user_subscription, quotas                       (QuotaBook)
        estimate_operation_cost       what an operation usually takes             (OperationCosts)
        on_event                      who crossed what, as it happens             (Events)
        get_user_usage, get_thread_usage, get_cost_summary, get_daily_costs, get_top_users,
        get_top_users_by_usage, get_platform_usage_stats, get_cost_projection     (Analytics)
        suggestions                   where money could be saved                  (Suggestions)
        recent_calls                  single calls, newest first                  (RecentCalls)
        shown_answers                 which calls made an answer                  (ShownAnswers)
        single_calls                  sums two ways at once: a member's by model  (SingleCalls)
        reports                       sums by server, member, model, day          (Reports)
        settings                      pause, time zone, quotas, audit log         (SettingsBook)
        privacy                       what is on a person; erasing, opting out    (PrivacyBook)
        removals                      servers that have removed the bot           (Removals)
        alerts, alert_targets         thresholds passed, and who is told          (AlertBook, AlertTargets)
        scheduled_reports             which servers are owed a report             (ScheduledReports)
        claims                        which process answers a message             (Claims)
        database                      the open database, for rooms that keep tables of their own
    """

    def __init__(
        self,
        database: Database,
        prices: PriceList,
        clock: Callable[[], datetime],
        buffering: Buffering,
        tiers: Tiers,
        *,
        fail_open: bool = False,
        journal: Path | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.database = database
        self.operations: dict[str, Operation] = {}
        self.ledger = Ledger(
            database,
            clock,
            self._booked,
            rules=Rules(tiers, self.operations),
            on_quota_moves=self._quotas_moved,
            fail_open=fail_open,
            journal=journal,
        )
        self._open_door(self.ledger, prices, clock, buffering)
        self._open_rules(tiers)
        self._open_reports()
        self.claims = Claims(database, clock)
        self.alerts = AlertBook(database, clock)
        self.alert_targets = AlertTargets(database, clock)
        self.reservations = Reservations(database, self.ledger, prices, clock, self.calls)

    def _open_rules(self, tiers: Tiers) -> None:
        """Who may do what, and who is remembered: whatever is changed there, `rules_changed` takes in."""
        database, clock, rules, changed = self.database, self.clock, self.ledger.rules, self.ledger.rules_changed
        self.budgets = BudgetBook(database, rules, clock, changed, self.force_flush)
        self.set_budget = self.budgets.set
        self.settings = SettingsBook(database, clock, changed)
        self.privacy = PrivacyBook(database, rules, clock, changed, self.force_flush)
        self.removals = Removals(database, clock, changed)
        costs = OperationCosts(database, self.prices, self.operations, clock)
        self.estimate_operation_cost = costs.estimate
        self.quotas = QuotaBook(
            database,
            rules=rules,
            grants=TierGrants(database, tiers, clock, changed),
            operations=self.operations,
            costs=costs,
            events=self.events,
            clock=clock,
            before_reading=self.force_flush,
        )
        self.check_operation_allowed = self.quotas.check_operation_allowed
        self.enforce_operation_quota = self.quotas.enforce_operation_quota
        self.can_use_tokens = self.quotas.can_use_tokens
        self.get_quota_summary = self.quotas.get_quota_summary
        self.update_user_subscription = self.quotas.update_user_subscription

    def _open_reports(self) -> None:
        """What was spent, as whoever asks wants it."""
        database, clock = self.database, self.clock
        self.reports = Reports(database, clock=clock, before_reading=self.force_flush)
        self.scheduled_reports = ScheduledReports(database, clock, self.ledger.rules)
        self.recent_calls = RecentCalls(database, self.force_flush)
        self.shown_answers = ShownAnswers(database, clock, self.recent_calls)
        self.single_calls = SingleCalls(database, clock, self.force_flush)
        self.suggestions = Suggestions(database, self.prices, self.operations, clock, self.force_flush).of
        analytics = Analytics(database, clock, self.force_flush)
        self.get_user_usage = analytics.get_user_usage
        self.get_thread_usage = analytics.get_thread_usage
        self.get_cost_summary = analytics.get_cost_summary
        self.get_daily_costs = analytics.get_daily_costs
        self.get_top_users = analytics.get_top_users
        self.get_top_users_by_usage = analytics.get_top_users_by_usage
        self.get_platform_usage_stats = analytics.get_platform_usage_stats
        self.get_cost_projection = analytics.get_cost_projection

    def _open_door(
        self, keeper: Keeper, prices: PriceList, clock: Callable[[], datetime], buffering: Buffering
    ) -> None:
        """What a tracker is whoever keeps its books: the door, telling by hand, and who hears of it."""
        self.prices = prices
        self.clock = clock
        self.events = Events()
        self.on_event = self.events.on_event
        self._subscribers: list[Subscriber] = []
        self._sums = RunningSums()
        self._by_hand = HandTracking(keeper, prices, clock, buffering, self._sums.add)
        self.track_llm_call = self.track_usage = self._by_hand.track_llm_call
        self.track_embedding = self._by_hand.track_embedding
        self.track_image_generation = self._by_hand.track_image_generation
        self.track_payment_fee = self._by_hand.track_payment_fee
        self.book_event = self._by_hand.book_event
        self.book_record = self._by_hand.keep
        self._clients: list[TrackedOpenAI] = []
        self.calls = CallsInFlight(prices, keeper, clock, self.events, self._settled)
        self.subscribe(self._tell_premium_uses)

    def openai(self, **arguments: Any) -> TrackedOpenAI:
        """A tracked client; takes every argument of `AsyncOpenAI`. Closed with the tracker.

        Raises `UntrackableCallError` for a synchronous transport, which would go past the books.
        """
        if arguments.get("http_client") is None:
            with suppress(RuntimeError):  # without aiohttp the SDK's own transport carries everything
                arguments["http_client"] = openai.DefaultAioHttpClient()
                arguments["stream_transport"] = StreamTransport()
        client = TrackedOpenAI(tracker=self, **arguments)
        self._clients.append(client)
        return client

    def define_operation(
        self,
        name: str,
        *,
        model: str | None = None,
        cheaper_model: str | None = None,
        premium: bool = False,
        input_tokens: int | None = None,
        output_tokens: int | None = None,
        max_output_tokens: int | None = None,
        counts_toward_quota: bool = True,
    ) -> Operation:
        """Declare an operation (see `Operation`). A later declaration of the same name replaces it."""
        operation = Operation(
            name, model, cheaper_model, premium, input_tokens, output_tokens, max_output_tokens, counts_toward_quota
        )
        self.operations[name] = operation
        return operation

    def suggest_model(self, operation: str, preferred: str | None = None) -> str | None:
        """The model to use for an operation here and now. The door itself never swaps a model.

        `preferred`, else the declared one; its cheaper model where a budget that counts a call made here saves.
        """
        declared = self.operations.get(operation)
        model = preferred or (declared.model if declared else None)
        if declared is None or declared.cheaper_model is None or self.saving(operation) is Saving.NONE:
            return model
        return declared.cheaper_model

    def saving(self, operation: str | None = None) -> Saving:
        """How the budgets that count a call made here and now want it to save, from what this process knows of them."""
        who = current_attribution()
        return self.calls.ledger.rules.saving(replace(who, operation=operation) if operation else who, self.clock())

    def calendar(self, guild_id: int) -> Calendar:
        """The calendar that a server's days and periods are counted in."""
        return self.calls.ledger.rules.calendar(guild_id)

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with each batch of finished calls once they are durable. It must not block."""
        self._subscribers.append(subscriber)

    def on_loop(self, call: Callable[[], None]) -> None:
        """Have `call` run on the loop that the books are open on: at once from there, soon from another thread.

        Raises `RuntimeError` where that loop is closed.
        """
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:  # a thread without a loop
            here = False
        if here:
            call()
        else:
            self._loop.call_soon_threadsafe(call)

    def get_summary(self) -> Summary:
        """Sums since this process started, in USD, without touching the database."""
        return self._sums.summary()

    async def force_flush(self) -> None:
        """Return when everything booked so far is durable, however long the books stay out of reach."""
        await self.calls.settled()
        self._by_hand.hand_over()
        await self.calls.ledger.flush()

    async def close(self) -> None:
        """Wait a while for calls in flight, close the clients, write everything down."""
        async with AsyncExitStack() as then:  # in turn, last one first, whatever goes wrong with those before
            then.push_async_callback(self.calls.ledger.close)
            then.callback(self._by_hand.hand_over)
            then.callback(self.calls.close)
            then.push_async_callback(self.calls.settled, CLOSE_PATIENCE_SECONDS)
            for client in self._clients:
                then.push_async_callback(client.close)
            await self.calls.landed(CLOSE_PATIENCE_SECONDS)

    def _tell_premium_uses(self, records: Sequence[UsageRecord]) -> None:
        premium = {name for name, operation in self.operations.items() if operation.premium}
        if premium:
            self.events.fire(premium_uses(records, premium))

    def _quotas_moved(self, moves: Sequence[QuotaMove]) -> None:
        for move in moves:
            self.events.fire(quota_events(move.user_id, move.before, move.after, move.limit))

    def _settled(self, record: UsageRecord) -> None:
        self._sums.add(record)
        put_on_receipt(record)

    def _booked(self, records: Sequence[UsageRecord]) -> None:
        for subscriber in self._subscribers:
            try:
                subscriber(records)
            except Exception as error:  # noqa: BLE001 - nor one subscriber the next
                log.error("a subscriber failed on %d booked calls: %s", len(records), type(error).__name__)  # noqa: TRY400 - I33
