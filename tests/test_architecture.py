"""The shape of the house, read from its source: who may import, call and read what."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")])
DOOR = {"bot/usage/calls/openai_client.py", "bot/usage/tracker.py"}
"""The modules that may make an OpenAI client."""


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imports_of(file: Path) -> list[str]:
    """Full names of everything a file imports, functions' own imports included: module, or module.name."""
    return list(_imports(file))


def _imports(file: Path) -> Iterator[str]:
    package = list(file.relative_to(ROOT).with_suffix("").parts)[:-1]
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@cache
def uses(file: Path) -> list[str]:
    """Dotted names that a file reads, as written: `openai.AsyncOpenAI`, `os.environ.get`."""
    return [ast.unparse(node) for node in ast.walk(tree_of(file)) if isinstance(node, (ast.Attribute, ast.Name))]


def within(name: str, *modules: str) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


def files_under(*folders: str) -> list[Path]:
    return [file for file in FILES if name_of(file).startswith(folders)]


def offences(files: list[Path], *modules: str, but: frozenset[str] | set[str] = frozenset()) -> list[str]:
    return [
        f"{name_of(file)}: {found}"
        for file in files
        if name_of(file) not in but
        for found in imports_of(file)
        if within(found, *modules)
    ]


def test_there_is_something_to_look_at() -> None:
    """I1: the other tests mean nothing over no files."""
    assert len(FILES) > 20
    assert {ROOT / path for path in DOOR} <= set(FILES)
    assert "openai" in set(imports_of(ROOT / "bot/usage/calls/openai_client.py"))


def test_one_door() -> None:
    """I1: no other module makes a client or has another provider's SDK; error types, and a client's type, are words."""
    words = re.compile(r"openai\.(\w*Error|\w*Exception|types(\..*)?|AsyncOpenAI)")
    maker = re.compile(r"(\w+\.)*(Default)?(Async)?(Azure|Bedrock|Tracked)?OpenAI|(\w+\.)*Default\w*Client")
    wrong = []
    for file in FILES:
        if name_of(file) in DOOR:
            continue
        for found in imports_of(file):
            if within(found, "anthropic", "google.genai", "mistralai", "groq", "cohere", "litellm", "ollama"):
                wrong.append(f"{name_of(file)} imports {found}")
            if found.startswith("openai.") and not words.fullmatch(found):
                wrong.append(f"{name_of(file)} imports {found}")
        wrong += [
            f"{name_of(file)} uses {used}"
            for used in uses(file)
            if used.startswith("openai.") and not words.fullmatch(".".join(used.split(".")[:2]))
        ]
        calls = [ast.unparse(node.func) for node in ast.walk(tree_of(file)) if isinstance(node, ast.Call)]
        wrong += [f"{name_of(file)} makes {call}" for call in calls if maker.fullmatch(call)]
    assert wrong == []


def test_nobody_goes_to_a_provider_by_http() -> None:
    """I1: no provider's address but in the table of their names, and no path of its API but in the door's table."""
    tables = {"bot/usage/calls/providers.py", "bot/usage/calls/endpoints.py"}
    pattern = re.compile(r"https?://api\.(openai|anthropic|groq|mistral)|/chat/completions")
    allowed = [name for name in map(name_of, FILES) if name.startswith("bot/sandbox/")]
    for file in FILES:
        if name_of(file) not in tables | set(allowed) | {"bot/usage/calls/openai_client.py"}:
            strings = [
                n.value for n in ast.walk(tree_of(file)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
            ]
            assert not [text for text in strings if pattern.search(text)], name_of(file)


def test_imports_point_down() -> None:
    """I1: cogs → bot.assistant → bot.league → bot.usage, never back; the books know neither Discord nor their users."""
    outside = ("discord", "cogs", "bot.assistant", "bot.client", "bot.league", "bot.alerts", "bot.api", "bot.sandbox")
    assert offences(files_under("bot/usage/"), *outside, "bot.settings", "bot.application", "bot.words") == []
    assert offences(files_under("bot/assistant/"), "discord", "cogs", "bot.client", "bot.sandbox") == []
    league = ("discord", "openai", "cogs", "bot.assistant", "bot.client", "bot.settings", "bot.words", "bot.sandbox")
    assert offences(files_under("bot/league/"), *league) == []
    assert offences(files_under("bot/"), "cogs", but={"bot/application.py", "bot/client.py", "bot/__main__.py"}) == []
    assert offences(FILES, "tests", "benchmarks", "examples") == []


def test_integrations_hang_on_the_books_alone() -> None:
    """I1: nobody needs them but whoever opens them; they know the books and the library they are for, which nobody else
    does.
    """
    rooms = ("assistant", "league", "alerts", "api", "client", "settings", "application", "words", "sandbox")
    integrations = files_under("bot/integrations/")
    outside = [file for file in FILES if file not in integrations]
    assert len(integrations) > 3
    assert offences(outside, "langchain_core", "langchain_openai", "langgraph", "langsmith") == []
    assert offences(outside, "posthog", "prometheus_client", "opentelemetry") == []
    assert offences(outside, "bot.integrations", but={"bot/outlets.py"}) == []
    assert offences(integrations, "discord", "cogs", *(f"bot.{room}" for room in rooms)) == []
    assert offences(integrations, "openai", "langchain_openai", "langgraph", "langsmith") == []
    others = [file for file in integrations if not file.name.startswith("langchain")]
    assert offences(others, "langchain_core", "bot.integrations.langchain") == []


def test_only_the_command_line_knows_the_sandbox() -> None:
    """I1: the stand-in model can't slip into a bot that runs for real."""
    assert (
        offences([f for f in FILES if "bot/sandbox/" not in name_of(f)], "bot.sandbox", but={"bot/__main__.py"}) == []
    )
    assert offences([f for f in FILES if "bot/sandbox/" not in name_of(f)], "simcord") == []


def test_the_rooms_of_the_books_import_one_way() -> None:
    """Each room of `bot/usage` knows those before it; what all of them share knows none."""
    shared = {"records", "ids", "money", "errors", "context", "operations", "data_files"}
    rooms = (
        "storage", "console", "opened", "pricing", "budgeting", "bookkeeping", "calls", "reporting", "alerting",
        "upkeep", "health", "tracker", "remote", "opening", "moving",
    )  # fmt: skip
    rank = dict.fromkeys(shared, 0) | {room: number for number, room in enumerate(rooms, start=1)}
    files = files_under("bot/usage/")
    top = {name_of(file).removeprefix("bot/usage/").split("/")[0].removesuffix(".py") for file in files}
    assert top == {*rank, "__init__"}
    upward = [
        f"{name_of(file)}: {found}"
        for file in files
        if (own := name_of(file).removeprefix("bot/usage/").split("/")[0].removesuffix(".py")) != "__init__"
        for found in imports_of(file)
        if within(found, "bot.usage")
        if rank.get(found.split(".")[2], len(rank)) > rank[own]
    ]
    assert upward == [  # for its type
        "bot/usage/calls/openai_client.py: bot.usage.tracker.UsageTracker",
        "bot/usage/opened.py: bot.usage.tracker.UsageTracker",
    ]


def test_the_rooms_of_the_cogs_import_one_way() -> None:
    """Each knows those before it, and no extension; the operator's and the privacy views know the kit alone."""
    rooms = ("_kit", "_budgets", "_spend", "_alerts", "_league", "_settings", "_questions")
    allowed = {room: rooms[: number + 1] for number, room in enumerate(rooms)}
    allowed |= {room: ("_kit", room) for room in ("_owner", "_privacy")}
    inside = [(file, name_of(file).split("/")[1]) for file in files_under("cogs/_")]
    assert {room for _, room in inside} == {*allowed, "__init__.py"}
    wrong = [
        f"{name_of(file)}: {found}"
        for file, room in inside
        for found in imports_of(file)
        if within(found, "cogs") and found.split(".")[1] not in allowed[room]
    ]
    assert wrong == []


def test_cogs_know_discord_and_little_else() -> None:
    """I1, I8: no SQL, no SDK, no prices, no environment: what people see is a view of the books."""
    cogs = files_under("cogs/")
    forbidden = (
        "sqlite3",
        "aiosqlite",
        "asyncpg",
        "openai",
        "bot.usage.storage.database",
        "bot.usage.storage.rows",
        "bot.usage.storage.schema",
    )
    assert (
        offences(
            cogs,
            *forbidden,
            "bot.usage.bookkeeping.ledger",
            "bot.usage.pricing.prices",
            "genai_prices",
            "os",
            "tiktoken",
        )
        == []
    )
    statement = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b")
    assert [name_of(file) for file in cogs if statement.search(file.read_text(encoding="utf-8"))] == []


def test_one_reader_of_the_environment() -> None:
    """I35: only bot.settings reads the environment (and the encodings' own folder variable, which tiktoken defined)."""
    allowed = {"bot/settings.py", "bot/usage/calls/tokens.py"}
    wrong = [
        f"{name_of(file)}: {used}"
        for file in FILES
        if name_of(file) not in allowed
        for used in uses(file)
        if used in ("os.environ", "os.getenv", "os.environb")
    ]
    wrong += offences(FILES, "os.environ", "os.getenv", "dotenv", but=allowed)
    assert wrong == []
    tokens = (ROOT / "bot/usage/calls/tokens.py").read_text(encoding="utf-8")
    assert set(re.findall(r'os\.environ\S*\("(\w+)"', tokens)) <= {"TIKTOKEN_CACHE_DIR"}


@pytest.mark.parametrize(
    ("modules", "owners"),
    [
        (("tiktoken", "tiktoken_ext"), {"bot/usage/calls/tokens.py"}),
        # The guide is searched in memory by SQLite's full-text index: that is no database of ours.
        (
            ("aiosqlite", "sqlite3", "asyncpg"),
            {"bot/usage/storage/sqlite.py", "bot/usage/storage/postgres.py", "bot/assistant/guide.py"},
        ),
    ],
)
def test_one_module_for_each_part(modules: tuple[str, ...], owners: set[str]) -> None:
    """I1, I8: tokens are counted, and the database spoken to, in one place each."""
    assert offences(FILES, *modules, but=owners) == []


def test_only_prices_know_the_price_list() -> None:
    """I8: nobody multiplies tokens by dollars outside the price modules."""
    owners = {name_of(file) for file in files_under("bot/usage/pricing/")}
    assert offences(FILES, "genai_prices", but=owners) == []


def test_time_comes_from_one_clock() -> None:
    """I17: simcord holds Discord's clock and `monotonic` still, and a second clock would split a day in two."""
    stuck = re.compile(r"(discord\.)?utils\.utcnow|(\w+\.)*created_at|time\.monotonic(_ns)?")
    wall = re.compile(r"(datetime\.)?datetime\.(now|utcnow|today)|(datetime\.)?date\.today|time\.(time|time_ns)")
    clocks = {"bot/usage/records.py", "bot/usage/ids.py"}  # the clock itself, and ids, which only sort by it
    wrong = []
    for file in FILES:
        if name_of(file).startswith("bot/sandbox/"):
            continue
        wrong += [
            f"{name_of(file)}: {used}"
            for used in uses(file)
            if stuck.fullmatch(used) or (wall.fullmatch(used) and name_of(file) not in clocks)
        ]
        wrong += [
            f"{name_of(file)}: {f}"
            for f in imports_of(file)
            if f in ("time.monotonic", "time.time", "discord.utils.utcnow")
        ]
    assert wrong == []
    records = (ROOT / "bot/usage/records.py").read_text(encoding="utf-8")
    assert records.count("datetime.now(") == 1


def test_every_error_is_drawn_in_its_place() -> None:
    """The tree in `bot/errors.py` has each error of ours under the one it derives from, and no other."""
    bases = {
        node.name: node.bases[0].id
        for file in FILES
        for node in tree_of(file).body
        if isinstance(node, ast.ClassDef) and node.bases and isinstance(node.bases[0], ast.Name)
    }

    def is_ours(name: str) -> bool:
        return name == "TriloError" or (name in bases and is_ours(bases[name]))

    drawn, above = {}, ["TriloError"]
    text = (ROOT / "bot/errors.py").read_text(encoding="utf-8")
    for indent, name in re.findall(r"^    ([│ ├└─]+)(\w+Error)", text, re.MULTILINE):
        depth = len(indent) // 4
        above[depth:] = [name]
        drawn[name] = above[depth - 1]
    assert drawn == {name: base for name, base in bases.items() if is_ours(base)}
