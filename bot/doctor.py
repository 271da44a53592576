"""`python -m bot doctor`: what is missing or wrong in the configuration, and what to do about it."""

import sys
from typing import NamedTuple

import discord
import openai

from bot.application import check_disk, model_key
from bot.assistant.structured import garbled_answers
from bot.client import INVITE_PERMISSIONS
from bot.discord_failures import DISCORD_FAILED
from bot.errors import AnswerGarbledError, SettingsError, TriloError
from bot.outlets import configured
from bot.settings import ENV_FILE, Settings
from bot.usage import DatabaseBusyError, open_tracker
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage, utc_now
from bot.usage.storage.database import is_postgres, sqlite_path


class Finding(NamedTuple):
    """One thing looked at. `words` say what was found and, where it isn't `ok`, what to do."""

    subject: str
    ok: bool
    words: str


async def examine(settings: Settings, *, online: bool = True) -> list[Finding]:
    """Look at everything the bot needs; with `online`, ask Discord and the AI provider too."""
    findings = [
        Finding("Python", sys.version_info >= (3, 11), ".".join(map(str, sys.version_info[:3]))),
        _settings_file(),
        await _database(settings),
        _disk(settings),
        _prices(settings),
    ]
    findings += _events_out(settings)
    findings += _page(settings)
    findings += await _discord(settings, online)
    findings.append(await _model(settings, online))
    return findings


def _settings_file() -> Finding:
    if ENV_FILE.exists():
        return Finding(".env", True, "found")
    return Finding(".env", True, "none; settings come from the environment. To start one: cp .env.example .env")


async def _database(settings: Settings) -> Finding:
    try:
        async with open_tracker(settings.database_url, console=False, lock_wait_seconds=0):
            pass
    except DatabaseBusyError:
        return Finding("DATABASE_URL", True, "in use by a running bot")
    except TriloError as error:
        return Finding("DATABASE_URL", False, str(error).removeprefix("DATABASE_URL "))
    except OSError as error:
        problem = f"{error.filename or 'its folder'} can't be made or written ({error.strerror}): choose another place"
        return Finding("DATABASE_URL", False, problem)
    if is_postgres(settings.database_url):
        return Finding("DATABASE_URL", True, "PostgreSQL answers, and the books are in it")
    path = sqlite_path(settings.database_url)
    return Finding("DATABASE_URL", True, f"{path.absolute() if path else 'in memory'} can be written")


def _disk(settings: Settings) -> Finding:
    if is_postgres(settings.database_url):
        return Finding("disk", True, "the books are in PostgreSQL")
    try:
        check_disk(settings)
        path = sqlite_path(settings.database_url)
    except SettingsError as error:
        return Finding("disk", False, error.problem)
    except TriloError:
        return Finding("disk", False, "not looked at: DATABASE_URL is wrong")
    if path is None:
        return Finding("disk", False, "the books are in memory, gone at each stop: set DATABASE_URL to a file")
    return Finding("disk", True, "the books outlive a restart here")


def _prices(settings: Settings) -> Finding:
    try:
        prices = PriceList.load()
    except TriloError as error:
        return Finding("prices", False, str(error))
    one = Usage(input_tokens=1, output_tokens=1)
    models = sorted({settings.fast_model, settings.smart_model})
    unknown = [model for model in models if prices.price(one, model, at=utc_now()).cost_nano_usd is None]
    if unknown:
        return Finding("prices", False, f"none is known for {', '.join(unknown)}: add it to data/prices.toml")
    return Finding("prices", True, prices.described())


def _events_out(settings: Settings) -> list[Finding]:
    """Nothing is said where nobody is told."""
    try:
        told = ", ".join(outlet.name for outlet in configured(settings))
    except SettingsError as error:
        return [Finding(error.variable, False, error.problem)]
    return [Finding("events out", True, f"booked calls are told to {told}")] if told else []


def _page(settings: Settings) -> list[Finding]:
    """Nothing is said where people aren't led to it."""
    if settings.public_url is None:
        return []
    if settings.api_port is None and not is_postgres(settings.database_url):
        problem = "set, but nothing is served there: set API_PORT too, so that the bot serves its page (docs/page.md)"
        return [Finding("PUBLIC_URL", False, problem)]
    if not settings.public_url.startswith("https://"):
        return [Finding("PUBLIC_URL", True, "without https, whoever is between can read the page and its links")]
    return [Finding("PUBLIC_URL", True, f"the page is at {settings.public_url}/page/")]


async def _discord(settings: Settings, online: bool) -> list[Finding]:
    if settings.discord_token is None:
        words = (
            "missing: Developer Portal > your application > Bot > Reset Token. Without it, `make run` is the sandbox"
        )
        return [Finding("DISCORD_TOKEN", False, words)]
    if not online:
        return [Finding("DISCORD_TOKEN", True, "set, not tried")]
    try:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(settings.discord_token.get_secret_value())
            application = await client.application_info()
    except discord.LoginFailure:
        return [
            Finding("DISCORD_TOKEN", False, "Discord refused it: copy the bot's token anew (not the client secret)")
        ]
    except DISCORD_FAILED as error:
        return [Finding("DISCORD_TOKEN", False, f"Discord could not be reached ({type(error).__name__}): try again")]
    link = discord.utils.oauth_url(
        application.id,
        permissions=discord.Permissions(INVITE_PERMISSIONS),
        scopes=("bot", "applications.commands"),
    )
    findings = [
        Finding("DISCORD_TOKEN", True, f"works, for the application {application.name}"),
        Finding("invite link", True, link),
    ]
    flags = application.flags
    if settings.message_content and not (flags.gateway_message_content or flags.gateway_message_content_limited):
        findings.append(Finding("MESSAGE_CONTENT", False, "set, but the intent is off on the Bot page of the portal"))
    return findings


async def _model(settings: Settings, online: bool) -> Finding:
    try:
        key = model_key(settings)
    except SettingsError as error:
        return Finding("OPENAI_API_KEY", False, error.problem)
    if not online:
        return Finding("OPENAI_API_KEY", True, "set, not tried")
    try:
        async with open_tracker("sqlite:///:memory:", console=False) as tracker:
            client = tracker.openai(api_key=key, base_url=settings.openai_base_url, max_retries=0, timeout=15)
            with garbled_answers():
                served = {model.id async for model in client.models.list()}
    except (AnswerGarbledError, openai.NotFoundError):
        return Finding("OPENAI_BASE_URL", False, "what answers there isn't OpenAI's API: see whether /v1 is missing")
    except openai.AuthenticationError:
        return Finding("OPENAI_API_KEY", False, "the AI provider refused it: create a new key")
    except openai.PermissionDeniedError:
        return Finding("OPENAI_API_KEY", True, "known, but it may not list models: FAST_MODEL wasn't looked for")
    except openai.OpenAIError as error:
        return Finding(
            "OPENAI_API_KEY", False, f"the AI provider could not be asked ({type(error).__name__}): try again"
        )
    missing = sorted({settings.fast_model, settings.smart_model} - served) if served else []
    if missing:
        return Finding("FAST_MODEL, SMART_MODEL", False, f"not offered to this key: {', '.join(missing)}")
    return Finding("OPENAI_API_KEY", True, "works")
