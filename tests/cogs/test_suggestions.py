"""The button under `/token-stats` that says where a server could spend less: its own figures, its opener's alone."""

import pytest
import simcord

from bot.translation import speaking
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.records import Status
from bot.usage.reporting.suggestions import Advice, Suggestion
from cogs._kit.access import NOT_FOR_YOU
from cogs._spend.suggestions import SHOWN, sections
from cogs._spend.token_stats import NOT_YOURS
from tests.cogs.helpers import Books, Server, by_hand, refusal, texts
from tests.usage.test_suggestions import FAST, figures

BUTTON = "token-stats:suggestions"
WHO = (
    "-# From the calls of the last 30 days. Models, prompts and the length of answers are set by whoever runs this "
    "bot: show them this."
)


async def test_what_a_server_is_told(server: Server, books: Books) -> None:
    """I26: another server's calls give it no suggestion. I27: a name is only a name."""
    here, elsewhere = server.guild.id, 77
    await books.book(here, None, model="`@everyone`")
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    for _ in range(30):
        await books.book(here, 1_000_000, status=Status.ABORTED, operation="draw", tokens=(100, 0))
        await books.book(elsewhere, 1_000_000, status=Status.ABORTED, operation="sing", tokens=(100, 0))
    press = await server.manager.click(shown, custom_id=BUTTON)
    (answer,) = press.followups
    assert answer.ephemeral
    assert texts(answer) == [
        "## Where this server could spend less",
        (
            "**Paid for, and not answered** · up to $0.03 less\n"
            "`draw` on `gpt-4o-mini`: 30 of 30\u00a0calls ended without an answer, and cost $0.03 of $0.03."
        ),
        (
            "**No known price**\n"
            "`Questions` on `'@everyone'`: no price is known for 1 of 1\u00a0call. They are in no sum, and "
            "budgets that stop refuse such calls. Whoever runs this bot can add the price."
        ),
        WHO,
    ]


async def test_nothing_to_suggest_and_nobody_else(server: Server, books: Books, simcord_env: simcord.Env) -> None:
    """I26: a press with somebody else's id is refused."""
    await books.book(server.guild.id, 5_000_000)
    shown = (await server.manager.slash(server.channel, "token-stats")).response
    (answer,) = (await server.manager.click(shown, custom_id=BUTTON)).followups
    assert texts(answer) == [
        (
            "## Nothing to suggest\n"
            "Nothing in the last 30 days looks as if it could cost less. I say nothing about what was asked fewer than "
            "30 times."
        )
    ]
    assert await refusal(await by_hand(server.member, shown, BUTTON)) == NOT_YOURS
    simcord_env.backend.edit_member(server.guild.id, server.manager.id, {"role_ids": []})
    late = await server.manager.click(shown, custom_id=BUTTON)
    assert await refusal(late) == NOT_FOR_YOU


async def test_books_out_of_reach_are_told_in_words(
    server: Server, books: Books, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23, I29."""
    await books.book(server.guild.id, 5_000_000)
    shown = (await server.manager.slash(server.channel, "token-stats")).response

    async def broken(*_arguments: object) -> None:
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    monkeypatch.setattr(books.tracker, "suggestions", broken)
    press = await server.manager.click(shown, custom_id=BUTTON)
    assert (await refusal(press)).startswith("My database is out of reach just now")
    assert len(simcord_env.errors) == 1


def test_each_advice_in_words() -> None:
    cheaper = Suggestion(Advice.CHEAPER_MODEL, figures(retried_calls=1), 364_250_000, instead=FAST)
    cache = Suggestion(Advice.CACHE_PROMPT, figures(), 128_000_000, tokens=1_024)
    cap = Suggestion(Advice.LOWER_CAP, figures(p99_output=256), tokens=512, cap=4_000)
    retries = Suggestion(Advice.RETRIES, figures(retried_calls=12, doubtful_nano_usd=5_000_000))
    assert [text.replace("\u00a0", " ") for text in sections([cheaper, cache, cap, retries])] == [
        "## Where this server could spend less",
        (
            "**A cheaper model may do** · up to $0.36 less\n"
            "`chat` on `gpt-4o-mini` was as good as on `gpt-4o` by the length of its answers (208 tokens and 208) and "
            "by what failed or was asked again (0 % and 1 %). 100 calls cost $0.39."
        ),
        (
            "**Long prompts that could be cached** · up to $0.13 less\n"
            "`chat` on `gpt-4o`: each of 100 calls sends 1,024 tokens or more, and hardly any came from the provider's "
            "cache, which charges less. They cost $0.39. What is always the same should come first."
        ),
        (
            "**A limit that no answer comes near**\n"
            "`chat` on `gpt-4o`: 99 of 100 answers have at most 256 tokens, and 4,000 are allowed. 512 would do, and "
            "would leave more of your budgets free while an answer is being written."
        ),
        (
            "**Asked more than once**\n"
            "`chat` on `gpt-4o`: 12 of 100 calls were sent more than once. The provider may have billed each time: "
            "$0.005 at most, held in your budgets."
        ),
        WHO,
    ]
    many = sections([cap] * (SHOWN + 3))
    assert len(many) == SHOWN + 2
    assert many[-1] == f"{WHO}\n-# And 3 more, which save less."
    assert sum(map(len, many)) < 4_000
    with speaking("es-419"):
        assert sections([cheaper, cap]) == [
            "## Dónde podría gastar menos este servidor",
            (
                "**Quizá baste un modelo más barato** · hasta USD\u00a00.36 menos\n"
                "`chat` con `gpt-4o-mini` salió tan bien como con `gpt-4o` por el largo de sus respuestas "
                "(208\u00a0tokens y 208) y por lo que falló o se volvió a pedir (0\u00a0% y 1\u00a0%). Costo de "
                "100\u00a0llamadas: USD\u00a00.39."
            ),
            (
                "**Un límite al que ninguna respuesta se acerca**\n"
                "`chat` con `gpt-4o`: 99 de cada 100 respuestas tienen como máximo 256\u00a0tokens, y se permiten "
                "4,000. Con 512 bastaría, y quedaría libre más de tus presupuestos mientras se escribe una respuesta."
            ),
            (
                "-# Según las llamadas de los últimos 30 días. Los modelos, las instrucciones y el largo de las "
                "respuestas los decide quien administra el bot: muéstrale esto."
            ),
        ]
