"""Settings: every one documented, every mistake named, no secret shown."""

import re
from decimal import Decimal

import pytest

from bot.errors import SettingsError
from bot.settings import Settings, ephemeral_host, load_settings, started_by_a_person
from tests.commands import REPOSITORY

SECRET = "very-secret-token"


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    """An empty folder and none of the settings of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def example_settings() -> dict[str, str]:
    """Name to value of every line of .env.example that sets something or shows a default."""
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(\S*)", text, re.MULTILINE))


def test_every_setting_is_in_the_example_and_the_other_way_round():
    assert set(example_settings()) == {name.upper() for name in Settings.model_fields}


def test_the_example_shows_the_defaults(tmp_path):
    """Copying .env.example to .env, commented lines switched on, changes nothing."""
    shown = example_settings()
    del shown["LEDGER_BATCH_SIZE"]  # depends on APP_ENV, as its line says
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in shown.items()))
    assert load_settings() == Settings.model_construct()


def test_the_defaults():
    """I35: and what may hold a secret doesn't show in a repr."""
    settings = load_settings()
    assert settings.model_dump() == {
        "discord_token": None,
        "openai_api_key": None,
        "openai_admin_key": None,
        "openai_base_url": None,
        "database_url": "sqlite:///data/trilo.db",
        "app_env": "production",
        "alert_urls": None,
        "api_host": "127.0.0.1",
        "api_port": None,
        "public_url": None,
        "posthog_api_key": None,
        "posthog_host": "https://us.i.posthog.com",
        "otel_exporter_otlp_endpoint": None,
        "otel_exporter_otlp_headers": None,
        "otel_service_name": "trilo",
        "webhook_url": None,
        "webhook_secret": None,
        "fast_model": "gpt-4o-mini",
        "smart_model": "gpt-4o",
        "allowed_guilds": frozenset(),
        "shard_count": None,
        "shard_ids": frozenset(),
        "allow_dms": False,
        "message_content": False,
        "owner_guild_id": None,
        "premium_sku_id": None,
        "premium_url": None,
        "default_server_limit_usd": Decimal(5),
        "budgets_fail_open": False,
        "calls_per_minute_member": 6,
        "calls_per_minute_server": 30,
        "ledger_synchronous": "NORMAL",
        "ledger_batch_size": None,
        "ledger_flush_seconds": 5.0,
        "retention_days": 90,
        "ephemeral_ok": False,
        "log_level": "INFO",
        "log_format": "text",
        "persona": "",
        "max_output_tokens": 1024,
    }
    secrets = load_settings(
        discord_token=SECRET,
        openai_api_key=SECRET,
        openai_admin_key=SECRET,
        database_url=f"postgresql://user:{SECRET}@host/db",
        openai_base_url=f"https://user:{SECRET}@host/v1",
        alert_urls=f"mailto://user:{SECRET}@host",
        posthog_api_key=SECRET,
        otel_exporter_otlp_endpoint=f"https://user:{SECRET}@host",
        otel_exporter_otlp_headers=f"api-key={SECRET}",
        webhook_url=f"https://host/{SECRET}",
        webhook_secret=SECRET,
    )
    assert SECRET not in repr(secrets)
    assert SECRET not in str(secrets)


def test_nothing_means_the_default(monkeypatch):
    """An empty line in .env, or a variable that a host's form left blank, is no value."""
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert load_settings() == Settings.model_construct()
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), " \t\n")
    assert load_settings() == Settings.model_construct()


def test_the_env_file(tmp_path, monkeypatch):
    """The environment wins over the file. A byte order mark, quotes, comments and Windows' line ends do no harm."""
    lines = ["DISCORD_TOKEN=from-file", "# a comment", "export FAST_MODEL='quoted model'", "SMART_MODEL=from-file"]
    (tmp_path / ".env").write_text("\r\n".join([*lines, "OTHER=1", ""]), encoding="utf-8-sig", newline="")
    monkeypatch.setenv("SMART_MODEL", " from-environment\n")
    settings = load_settings()
    assert settings.discord_token is not None
    assert settings.discord_token.get_secret_value() == "from-file"
    assert (settings.fast_model, settings.smart_model) == ("quoted model", "from-environment")


def test_an_unreadable_env_file_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\xfe" + SECRET.encode())
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value) == ".env: can't be read as UTF-8 text (UnicodeDecodeError)"
    assert caught.value.__cause__ is None


def test_secrets_are_stripped(monkeypatch):
    """A line break copied with a token would make it a wrong one."""
    monkeypatch.setenv("DISCORD_TOKEN", f" {SECRET}\n")
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET}\r\n")
    settings = load_settings()
    assert [secret and secret.get_secret_value() for secret in (settings.discord_token, settings.openai_api_key)] == [
        SECRET,
        SECRET,
    ]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("42", {42}),
        (" 42 , 43,,42, ", {42, 43}),
        ("1234567890123456789", {1234567890123456789}),
        (",", set()),
    ],
)
def test_ids(monkeypatch, text, ids):
    monkeypatch.setenv("ALLOWED_GUILDS", text)
    assert load_settings().allowed_guilds == ids


def test_addresses_for_alerts(monkeypatch):
    """Commas and blanks part them, unless they stand within one. In development they are what lets alerts out."""
    assert (load_settings().alert_addresses, load_settings().alerts_outside) == ([], True)
    assert not load_settings(app_env="development").alerts_outside
    monkeypatch.setenv("ALERT_URLS", " mailto://a:b@host?to=c@d,e@f, json://127.0.0.1:9/x\n discord://1/2,")
    settings = load_settings(app_env="development")
    assert settings.alert_addresses == ["mailto://a:b@host?to=c@d,e@f", "json://127.0.0.1:9/x", "discord://1/2"]
    assert settings.alerts_outside


@pytest.mark.parametrize(
    "url", ["https://example.com/hook", "http://127.0.0.1:9/hook", "http://[::1]/", "http://localhost"]
)
def test_where_a_webhook_may_go(monkeypatch, url):
    """I35: in the clear only on this machine."""
    monkeypatch.setenv("WEBHOOK_URL", url)
    assert load_settings().webhook_url == url


@pytest.mark.parametrize(
    ("text", "limit"), [("7.50", Decimal("7.50")), ("$7.50", Decimal("7.50")), ("0", Decimal(0)), ("None", None)]
)
def test_the_cap_of_each_server(monkeypatch, text, limit):
    """I16: 0 is a real limit; only `none` means that there is none."""
    monkeypatch.setenv("DEFAULT_SERVER_LIMIT_USD", text)
    assert load_settings().default_server_limit_usd == limit


@pytest.mark.parametrize(("text", "days"), [("32", 32), ("none", None)])
def test_how_long_single_calls_are_kept(monkeypatch, text, days):
    """I25: the running month's are always there; `none` keeps them for good."""
    monkeypatch.setenv("RETENTION_DAYS", text)
    assert load_settings().retention_days == days


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "TRUE"])
def test_switches(monkeypatch, text):
    monkeypatch.setenv("ALLOW_DMS", text)
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("LEDGER_SYNCHRONOUS", "full")
    settings = load_settings()
    assert (settings.allow_dms, settings.log_level, settings.ledger_synchronous) == (True, "DEBUG", "FULL")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_GUILDS", f"42,{SECRET}"),
        ("ALLOWED_GUILDS", "-42"),
        ("OWNER_GUILD_ID", SECRET),
        ("ALLOW_DMS", SECRET),
        ("DEFAULT_SERVER_LIMIT_USD", SECRET),
        ("DEFAULT_SERVER_LIMIT_USD", "nan"),
        ("DEFAULT_SERVER_LIMIT_USD", "-1"),
        ("DEFAULT_SERVER_LIMIT_USD", "1000001"),
        ("CALLS_PER_MINUTE_MEMBER", "-1"),
        ("CALLS_PER_MINUTE_SERVER", SECRET),
        ("APP_ENV", SECRET),
        ("LOG_LEVEL", SECRET),
        ("LOG_FORMAT", SECRET),
        ("LEDGER_SYNCHRONOUS", SECRET),
        ("LEDGER_BATCH_SIZE", "0"),
        ("LEDGER_FLUSH_SECONDS", "0"),
        ("LEDGER_FLUSH_SECONDS", "nan"),
        ("RETENTION_DAYS", "31"),
        ("RETENTION_DAYS", SECRET),
        ("MAX_OUTPUT_TOKENS", "149"),
        ("MAX_OUTPUT_TOKENS", "32769"),
        ("MAX_OUTPUT_TOKENS", SECRET),
        ("PERSONA", SECRET * 500),
        ("OPENAI_BASE_URL", SECRET),
        ("PREMIUM_SKU_ID", SECRET),
        ("PREMIUM_URL", SECRET),
        ("PUBLIC_URL", SECRET),
        ("ALERT_URLS", SECRET),
        ("POSTHOG_HOST", SECRET),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", SECRET),
        ("WEBHOOK_URL", SECRET),
        ("WEBHOOK_URL", f"http://example.com/{SECRET}"),
        ("WEBHOOK_URL", f"http://127.0.0.1.example.com/{SECRET}"),
        ("WEBHOOK_URL", f"ftp://127.0.0.1/{SECRET}"),
        ("WEBHOOK_URL", f"https:///{SECRET}"),
        ("WEBHOOK_URL", f"https://[{SECRET}"),
        ("DATABASE_URL", f"postgresql://user:{SECRET}[@host/db"),
        ("DATABASE_URL", f"postgresql://user:{SECRET}@ho\u2100st/db"),
    ],
)
def test_a_mistake_is_named_without_its_value(monkeypatch, name, value):
    """I35: people paste a token into the wrong line; the error says which line, and no more."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.variable == name
    assert str(caught.value) == f"{name}: {caught.value.problem}"
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({}, None),
        ({"DYNO": "worker.1"}, "Heroku"),
        ({"RAILWAY_ENVIRONMENT": "production"}, "Railway"),
        ({"RAILWAY_PROJECT_ID": "1"}, "Railway"),
        ({"RENDER": "true"}, "Render"),
        ({"DYNO": ""}, None),
    ],
)
def test_hosts_that_lose_their_disk(environment, host):
    assert ephemeral_host(environment) == host


def test_somebody_is_there_to_open_the_sandbox():
    assert started_by_a_person(True, {})
    assert started_by_a_person(False, {"MAKELEVEL": "1"})
    assert not started_by_a_person(False, {})


def test_no_other_module_reads_the_environment():
    """Settings are read in one place; the exceptions are named here."""
    allowed = {"bot/settings.py", "bot/usage/calls/tokens.py"}  # TIKTOKEN_CACHE_DIR is tiktoken's own
    readers = {
        path.relative_to(REPOSITORY).as_posix()
        for folder in ("bot", "cogs")
        for path in (REPOSITORY / folder).rglob("*.py")
        if re.search(r"os\.environ|os\.getenv|dotenv", path.read_text(encoding="utf-8"))
    }
    assert readers <= allowed


def test_shards_are_divided_among_processes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHARD_COUNT", "6")
    monkeypatch.setenv("SHARD_IDS", "3, 4,5")
    settings = load_settings(_env_file=None)
    assert (settings.shard_count, settings.shard_ids) == (6, {3, 4, 5})


@pytest.mark.parametrize(("count", "ids"), [("", "0"), ("2", "0,2"), ("2", "-1"), ("0", "")])
def test_shards_that_cant_be(monkeypatch: pytest.MonkeyPatch, count: str, ids: str):
    monkeypatch.setenv("SHARD_COUNT", count)
    monkeypatch.setenv("SHARD_IDS", ids)
    with pytest.raises(SettingsError, match=r"^SHARD_(IDS|COUNT): "):
        load_settings(_env_file=None)
