"""What operations are called where people read of them."""

import pytest

from bot.assistant.operations import Models, operations
from bot.operation_titles import title_of
from bot.translation import speaking


def test_every_operation_of_ours_has_a_title_in_both_languages():
    ours = [one.name for one in operations(Models("gpt-4o-mini", "gpt-4o"))]
    with speaking("es"):
        spanish = [title_of(name) for name in ours]
    assert [title_of(name) for name in ours] == [
        "Questions",
        "Set-up: the question",
        "Set-up (gpt-4o-mini)",
        "Set-up (gpt-4o)",
        "Set-up: whole guide",
        "Creating a week",
        "Deleting channels",
        "Announcing an advance",
    ]
    assert spanish == [
        "Preguntas",
        "Configurar: la pregunta",
        "Configurar (gpt-4o-mini)",
        "Configurar (gpt-4o)",
        "Configurar: toda la guía",
        "Crear una semana",
        "Borrar canales",
        "Anunciar un avance",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("setup_agent_4_synthesize", "Set-up: answer"),  # what suggestions say of every model alike
        ("unattributed", "not attributed"),
        ("setup_agent_4_synthesizer", "setup_agent_4_synthesizer"),
        ("my_setup_agent_4_synthesize_x", "my_setup_agent_4_synthesize_x"),
        ("a customer's own", "a customer's own"),
        ("", ""),
    ],
)
def test_what_others_call_theirs_is_shown_as_it_is(name: str, shown: str):
    assert title_of(name) == shown
