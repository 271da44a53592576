"""`python -m bot reconcile`: the books against OpenAI's own bill."""

import argparse
import asyncio
import json
from datetime import date, timedelta
from typing import Any

import openai

from bot.commands import Commands
from bot.commands.arguments import number_of_days
from bot.commands.books import COMMAND_LINE, open_books, our_operations
from bot.errors import SettingsError, TriloError
from bot.settings import Settings
from bot.usage import PriceList, open_tracker
from bot.usage.calls.providers import provider_of
from bot.usage.console import printable
from bot.usage.money import format_cost
from bot.usage.records import utc_now
from bot.usage.upkeep.bills import Billed, DayAndModel, read_bill
from bot.usage.upkeep.reconcile import Cause, Comparison, Drift, compare, put_right

_LONGEST_DAYS = 180


def add(commands: Commands) -> None:
    """Make its arguments."""
    parser = commands.add_parser(
        "reconcile",
        help="compare the books with OpenAI's bill (with OPENAI_ADMIN_KEY); --apply puts right what it can",
        description="Whole days (UTC) up to yesterday. Interrupted calls, and what is held in doubt, are lowered to "
        "the most that the bill leaves for them.",
    )
    days = number_of_days(1, _LONGEST_DAYS)
    parser.add_argument("--days", type=days, default=30, metavar="N", help="how many days back (default: 30)")
    parser.add_argument("--apply", action="store_true", help="book what can be put right; the audit log says so")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(command=_reconcile)


def _reconcile(options: argparse.Namespace, settings: Settings) -> int:
    last = utc_now().date() - timedelta(days=1)
    first = last - timedelta(days=options.days - 1)
    found, done = asyncio.run(_compare(settings, first, last, apply=options.apply))
    print(json.dumps(_as_json(found, done)) if options.json else _as_text(found, done))
    return 0


async def _compare(settings: Settings, first: date, last: date, *, apply: bool) -> tuple[Comparison, int | None]:
    """What was found; how many calls were put right, None where nobody asked for that."""
    prices = PriceList.load()
    async with open_books(settings.database_url, read_only=not apply) as database:
        bill, provider = await _ask(settings, prices, first, last)
        found = await compare(database, bill, first, last, provider=provider, prices=prices, now=utc_now())
        if not apply:
            return found, None
        return found, await put_right(database, found.corrections, our_operations(settings), utc_now, COMMAND_LINE)


async def _ask(settings: Settings, prices: PriceList, first: date, last: date) -> tuple[dict[DayAndModel, Billed], str]:
    """The bill, and the label under which calls to who wrote it are on the books. Reading it costs nothing."""
    if settings.openai_admin_key is None:
        raise SettingsError("OPENAI_ADMIN_KEY", "missing; create an admin key in your OpenAI organization's settings")
    async with open_tracker("sqlite:///:memory:", console=False, prices=prices) as tracker:
        client = tracker.openai(
            api_key="none",
            admin_api_key=settings.openai_admin_key.get_secret_value(),
            base_url=settings.openai_base_url,
            timeout=60,
        )
        try:
            return await read_bill(client, first, last), provider_of(client.base_url).label
        except (openai.AuthenticationError, openai.PermissionDeniedError):
            problem = "OpenAI refused it; it must be an admin key, with access to usage"
            raise SettingsError("OPENAI_ADMIN_KEY", problem) from None
        except openai.APIStatusError as error:
            raise TriloError(f"the bill can't be read: OpenAI answered {error.status_code}; try again later") from None
        except openai.OpenAIError as error:
            raise TriloError(f"OpenAI can't be reached ({type(error).__name__}); check the network") from None


def _as_json(found: Comparison, done: int | None) -> dict[str, Any]:
    return {
        "since": found.kept_since.isoformat() if found.kept_since else None,
        "ours_nano_usd": sum(drift.ours.cost_nano_usd for drift in found.drifts),
        "billed_nano_usd": sum(drift.theirs.cost_nano_usd for drift in found.drifts),
        "drift_nano_usd": sum(drift.nano_usd for drift in found.drifts),
        "corrigible_calls": len(found.corrections),
        "corrected_calls": done,
        "rows": [_row(drift) for drift in found.drifts],
    }


def _row(drift: Drift) -> dict[str, Any]:
    ours, theirs = drift.ours, drift.theirs
    return {
        "day": drift.day.isoformat(),
        "model": drift.model,
        "calls": ours.calls,
        "billed_requests": theirs.requests,
        "tokens": ours.input_tokens + ours.output_tokens,
        "billed_tokens": theirs.input_tokens + theirs.output_tokens,
        "ours_nano_usd": ours.cost_nano_usd,
        "doubtful_nano_usd": ours.doubtful_nano_usd,
        "billed_nano_usd": theirs.cost_nano_usd,
        "drift_nano_usd": drift.nano_usd,
        "drift_percent": drift.percent,
        "cause": drift.cause.value,
    }


def _as_text(found: Comparison, done: int | None) -> str:
    ours = sum(drift.ours.cost_nano_usd for drift in found.drifts)
    billed = sum(drift.theirs.cost_nano_usd for drift in found.drifts)
    lines = [f"{format_cost(ours)} on the books, {format_cost(billed)} on the bill"]
    if found.kept_since:
        lines.append(f"without the days up to {found.kept_since:%Y-%m-%d}, whose single calls are gone")
    lines += [_words(drift) for drift in found.drifts if drift.cause is not Cause.NONE]
    if done is not None:
        lines.append(f"{done:,} calls were put right")
    elif found.corrections:
        lines.append(f"{len(found.corrections):,} calls can be put right: add --apply")
    return "\n".join(lines)


def _words(drift: Drift) -> str:
    model = printable(drift.model) or "no model"
    percent = f" ({drift.percent:+.1f} %)" if drift.percent is not None else ""
    sums = f"{format_cost(drift.ours.cost_nano_usd)} on the books, {format_cost(drift.theirs.cost_nano_usd)} billed"
    return f"  {drift.day} {model}: {sums}{percent}: {drift.cause.value}"
