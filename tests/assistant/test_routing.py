"""Messages sorted by rules alone: which cost nothing to sort, and which are worth a closer look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.assistant.routing import Route, asks_for_everything, first_guess

SETUP = [
    "How do I set up my league?",
    "How do I create a week?",
    "how do i create week 7?",
    "Hey, how do I delete weeks 3 to 5?",
    "can you explain how to make the channels?",
    "Which command deletes categories?",
    "where do I change the time zone?",
    "how can I tag the players?",
    "how do I announce the advance",
    "Which permissions do you need?",
    "who can use /league delete?",
    "what does `/league tag` do?",
    "how do I set a budget",
    "how much of the budget is left?",
    "tell me how to pause the AI",
    "Pause the AI",
    "please stop answering",
    "resume the bot",
    "pausa la IA por favor",
    "¿Qué permisos necesitas?",
    "why can't I use the commands?",
    "Can I delete week 3?",
    "how do I invite you to my server?",
    "how do I set up you on my server?",
    "is there a command to restore a deleted week?",
    "cómo configuro mi liga?",
    "¿Cómo creo los canales de la semana 7?",
    "dónde cambio la zona horaria?",
]
ORDERS = [
    ("create week 7", Route.CREATE_WEEK),
    ("Create Week 7: Texans vs Colts, Jets vs Bills", Route.CREATE_WEEK),
    ("hi Trilo, please make the channels for week 7", Route.CREATE_WEEK),
    ("Can you set up week 3?", Route.CREATE_WEEK),
    ("make channels for this week", Route.CREATE_WEEK),
    ("crea la semana 7", Route.CREATE_WEEK),
    ("crea los canales de la semana 7", Route.CREATE_WEEK),
    ("please delete weeks 3 to 5", Route.DELETE_CATEGORIES),
    ("Delete the channels for week 3", Route.DELETE_CATEGORIES),
    ("remove the category week 4", Route.DELETE_CATEGORIES),
    ("could you please clean up weeks 1-6", Route.DELETE_CATEGORIES),
    ("borra las semanas 3 a 5", Route.DELETE_CATEGORIES),
    ("¿Puedes borrar las semanas 3 a 5?", Route.DELETE_CATEGORIES),
    ("can you announce the advance to week 8, Sunday 8pm?", Route.ANNOUNCE_ADVANCE),
    ("post the advance", Route.ANNOUNCE_ADVANCE),
    ("advance the league to week 9", Route.ANNOUNCE_ADVANCE),
    ("anuncia el avance a la semana 8, domingo 20:00", Route.ANNOUNCE_ADVANCE),
    ("tag the players of week 7", Route.TAG_PLAYERS),
    ("Hey, ping week 7 players", Route.TAG_PLAYERS),
    ("remind everyone in week 7 to play", Route.TAG_PLAYERS),
    ("etiqueta a los jugadores de la semana 7", Route.TAG_PLAYERS),
]
CONVERSATION = [
    "",
    "hello",
    "what's a fair trade?",
    "who wins week 8?",
    "who do I play in week 7?",
    "when do we advance?",
    "how do I beat cover 3?",
    "How do I beat the Texans in week 7?",
    "how do I win next week?",
    "how do I recruit better?",
    "tell me a joke",
    "delete that play from your mind",
    "remove me from your list",
    "Create a playbook for me",
    "make me laugh",
    "what team should I create?",
    "write week 7 power rankings",
    "remind me what cover 2 is",
    "explain and/or in Python",
    "how much is 3/4 of 12?",
    "what should I do in the last week of the season?",
    "wann ist das nächste Spiel?",
]
UNSURE = [
    "get rid of the old week channels pls",
    "I need help getting started here",
    "create the channels",
    "create a week",
    "create week 7 power rankings",
    "drop week 7 highlights",
    "delete all channels",
    "Ignore that and delete all channels",
    "can you tag the players?",
    "set up the league for me",
    "how do I set up a screen pass?",
    "restore the week 3 channels",
    "the commands don't work",
    "announce that we are advancing to week 8",
    "what is stored about me?",
]


@pytest.mark.parametrize("text", SETUP)
def test_how_to_do_what_the_bot_does_is_about_setting_up(text: str) -> None:
    assert first_guess(text, has_pictures=False) is Route.SETUP
    assert first_guess(text, has_pictures=True) is Route.SETUP


@pytest.mark.parametrize(("text", "route"), ORDERS)
def test_an_order_that_leaves_no_doubt_needs_no_model(text: str, route: Route) -> None:
    assert first_guess(text, has_pictures=False) is route
    assert first_guess(f"  PLEASE   {text.upper()} ", has_pictures=False) is route
    assert first_guess(text, has_pictures=True) is route


@pytest.mark.parametrize("text", CONVERSATION)
def test_what_names_nothing_of_ours_is_a_conversation_and_costs_no_call_more(text: str) -> None:
    assert first_guess(text, has_pictures=False) is Route.CONVERSATION


@pytest.mark.parametrize("text", UNSURE)
def test_what_may_be_ours_is_worth_a_closer_look(text: str) -> None:
    assert first_guess(text, has_pictures=False) is None


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("week 7 channels", Route.CREATE_WEEK),
        ("the channels of week 7, private", Route.CREATE_WEEK),
        ("is this the week 7 schedule?", None),
        ("week 7 channels?", None),
        ("our schedule", None),
        ("What is in this picture?", Route.CONVERSATION),
        ("nice game", Route.CONVERSATION),
        ("", Route.CONVERSATION),
    ],
)
def test_a_picture_says_more(text: str, route: Route | None) -> None:
    assert first_guess(text, has_pictures=True) is route


@pytest.mark.parametrize(
    ("text", "everything"),
    [
        ("How do I set up my league?", True),
        ("how do I set up  a new league on Discord", True),
        ("How do I set up everything here?!", True),
        ("how do I start a league with this bot?", True),
        ("how do I build a dynasty?", False),
        ("how do I configure this?", False),
        ("¿Cómo configuro mi liga?", True),
        ("How do I set up my league's budget?", False),
        ("How do I set up my league channels?", False),
        ("how do I set up a screen pass?", False),
        ("how do I set up the commissioner role?", False),
    ],
)
def test_the_whole_path_is_told_from_a_part_of_it(text: str, everything: bool) -> None:
    assert asks_for_everything(text) is everything


WORDS = ["how", "do", "i", "can", "you", "create", "delete", "the", "week", "7", "channels", ",", "?", "set", "up"]


@given(st.text() | st.lists(st.sampled_from(WORDS)).map(" ".join))
def test_anything_can_be_sorted(text: str) -> None:
    assert first_guess(text, has_pictures=False) in {*Route, None}


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "part", ["delete ", "create the ", "week 7 ", "how do i ", "can you ", "set up the ", "tag all the "]
)
def test_a_long_message_holds_nobody_up(part: str) -> None:
    for _ in range(20):
        first_guess(part * 5_000, has_pictures=True)
    asks_for_everything(part * 5_000)
