"""Settings: the only reader of configuration, from the environment and `.env`. Errors name the variable."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import SettingsError
from bot.usage.budgeting.limits import LARGEST_USD
from bot.usage.calls.hand_tracking import Buffering
from bot.usage.upkeep.retention import KEPT_DAYS, SHORTEST_DAYS

ENV_FILE = Path(".env")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_ADDRESS_GAP = re.compile(rf"[\s,]+(?={_ADDRESS.pattern})", re.IGNORECASE)
_LOOPBACK = {("http", "localhost"), ("http", "127.0.0.1"), ("http", "::1")}


class Settings(BaseSettings):
    """Every setting, with its default; `.env.example` says what each is for. Secrets never show in a repr."""

    model_config = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",  # Windows' editors put a byte order mark before the first name
        extra="ignore",
        str_strip_whitespace=True,
    )

    discord_token: SecretStr | None = None
    openai_api_key: SecretStr | None = None
    openai_admin_key: SecretStr | None = None
    openai_base_url: str | None = Field(default=None, repr=False)
    database_url: str = Field(default="sqlite:///data/trilo.db", repr=False)
    app_env: Literal["development", "production"] = "production"
    alert_urls: SecretStr | None = None
    api_host: str = "127.0.0.1"
    api_port: int | None = Field(default=None, ge=0, le=65_535, validation_alias=AliasChoices("api_port", "port"))
    public_url: str | None = None
    posthog_api_key: SecretStr | None = None
    posthog_host: str = "https://us.i.posthog.com"
    otel_exporter_otlp_endpoint: str | None = Field(default=None, repr=False)
    otel_exporter_otlp_headers: SecretStr | None = None
    otel_service_name: str = "trilo"
    webhook_url: str | None = Field(default=None, repr=False)
    webhook_secret: SecretStr | None = None
    fast_model: str = "gpt-4o-mini"
    smart_model: str = "gpt-4o"
    allowed_guilds: Annotated[frozenset[PositiveInt], NoDecode] = frozenset()
    shard_count: int | None = Field(default=None, ge=1, le=16_384)
    shard_ids: Annotated[frozenset[NonNegativeInt], NoDecode] = frozenset()
    allow_dms: bool = False
    message_content: bool = False
    owner_guild_id: PositiveInt | None = None
    premium_sku_id: PositiveInt | None = None
    premium_url: str | None = None
    default_server_limit_usd: Decimal | None = Field(default=Decimal(5), ge=0, le=LARGEST_USD)
    budgets_fail_open: bool = False
    calls_per_minute_member: int = Field(default=6, ge=0, le=10_000)
    calls_per_minute_server: int = Field(default=30, ge=0, le=10_000)
    ledger_synchronous: Literal["NORMAL", "FULL"] = "NORMAL"
    ledger_batch_size: int | None = Field(default=None, ge=1, le=10_000)
    ledger_flush_seconds: float = Field(default=5.0, gt=0, le=3600)
    retention_days: int | None = Field(default=KEPT_DAYS, ge=SHORTEST_DAYS, le=36_500)
    ephemeral_ok: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"
    persona: str = Field(default="", max_length=4000)
    max_output_tokens: int = Field(default=1024, ge=150, le=32_768)

    @property
    def buffering(self) -> Buffering:
        """How calls tracked by hand are buffered: small batches in development, where one waits to see them."""
        usual = 5 if self.app_env == "development" else 20
        return Buffering(self.ledger_batch_size or usual, self.ledger_flush_seconds)

    @property
    def alert_addresses(self) -> list[str]:
        """The addresses of ALERT_URLS, all secret (I35). One may hold commas: only the next one's beginning ends it."""
        return _ADDRESS_GAP.split(self.alert_urls.get_secret_value().strip(", \n\t")) if self.alert_urls else []

    @property
    def alerts_outside(self) -> bool:
        """Whether alerts also go out by e-mail and webhook: not in development, unless ALERT_URLS says so."""
        return self.app_env == "production" or self.alert_urls is not None

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, values: dict[str, Any]) -> dict[str, Any]:
        """What is set to nothing has its default."""
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in values.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    @model_validator(mode="after")
    def _shards_exist(self) -> Self:
        if self.shard_ids and (self.shard_count is None or max(self.shard_ids) >= self.shard_count):
            raise SettingsError("SHARD_IDS", "needs SHARD_COUNT, and counts from 0 to one below it")
        return self

    @field_validator("allowed_guilds", "shard_ids", mode="before")
    @classmethod
    def _split_ids(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("default_server_limit_usd", "retention_days", mode="before")
    @classmethod
    def _or_none(cls, value: Any) -> Any:
        """`none` sets no cap; unlike an empty line, which is left blank too easily to open the operator's key."""
        if isinstance(value, str):
            return None if value.lower() == "none" else value.removeprefix("$")
        return value

    @field_validator("log_level", "ledger_synchronous", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        try:
            urlsplit(value)
        except ValueError:  # whose message quotes the password
            raise ValueError("is no URL; use sqlite:///data/trilo.db or sqlite:////absolute/path.db") from None
        return value

    @field_validator("alert_urls")
    @classmethod
    def _are_addresses(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _ADDRESS.match(value.get_secret_value().strip(", \n\t")):
            raise ValueError("must be addresses such as mailto://… or discord://…, separated by commas")
        return value

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return value.rstrip("/") if value is not None else None

    @field_validator("openai_base_url", "premium_url", "public_url", "posthog_host", "otel_exporter_otlp_endpoint")
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _is_safe_address(cls, value: str | None) -> str | None:
        """What is sent there tells of people: never in the clear, but on this machine."""
        try:
            parts = urlsplit(value or "https://none")
        except ValueError:
            parts = urlsplit("")
        if not parts.hostname or (parts.scheme != "https" and (parts.scheme, parts.hostname) not in _LOOPBACK):
            raise ValueError("must start with https://, or with http:// and be on this machine")
        return value


_WORDS = {
    "int_parsing": "must be a whole number",
    "float_parsing": "must be a number",
    "decimal_parsing": "must be an amount of USD, or none",
    "finite_number": "must be an amount of USD, or none",
    "bool_parsing": "must be 0 or 1",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than_equal": "must be at most {le:g}",
    "string_too_long": "may have at most {max_length} characters",
}
"""pydantic's kinds of error in words for whoever wrote the setting."""


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises `SettingsError` naming the first variable that is wrong, never showing its value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = str(first["loc"][0]).upper() if first["loc"] else "settings"
        words = _WORDS.get(first["type"], first["msg"]).format(**first.get("ctx", {}))
        raise SettingsError(variable, words.removeprefix("Value error, ")) from None
    except (OSError, UnicodeError) as error:
        raise SettingsError(str(ENV_FILE), f"can't be read as UTF-8 text ({type(error).__name__})") from None


def ephemeral_host(environment: Mapping[str, str] = os.environ) -> str | None:
    """The name of the host whose disk is lost at each deploy, where this process runs on one; None elsewhere."""
    names = {"DYNO": "Heroku", "RAILWAY_ENVIRONMENT": "Railway", "RAILWAY_PROJECT_ID": "Railway", "RENDER": "Render"}
    return next((host for variable, host in names.items() if environment.get(variable)), None)


def started_by_a_person(is_terminal: bool, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody is there to open the sandbox: at a terminal, or through `make` (which sets MAKELEVEL)."""
    return is_terminal or "MAKELEVEL" in environment
