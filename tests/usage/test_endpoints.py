"""Which requests cost money, what they ask for at most, and that no endpoint of the SDK was overlooked."""

import re
from pathlib import Path

import openai
import pytest

from bot.usage import PriceList, Usage
from bot.usage.calls.endpoints import (
    UNMETERED,
    billed_endpoint,
    choices_of,
    output_cap,
    picture_units,
    request_body,
    speech_usage,
    stored_response_id,
    worst_case_usage,
)
from bot.usage.calls.request_tokens import InputEstimate
from bot.usage.records import Kind, utc_now

FREE = re.compile(
    r"/(organization|projects|vaults|skills|webhook_endpoints|uploads|files|vector_stores|conversations|assistants)\b.*"
    r"|/moderations|/responses/input_tokens|/content_provenance_checks"
    r"|/(responses|batches|fine_tuning/jobs|chatkit/sessions|evals/x/runs|threads/x/runs)/x/(cancel|pause|resume)"
    r"|/chat/completions/x|/fine_tuning/alpha/graders/validate|/evals(/x)?|/containers/x/files|/videos/characters"
    r"|/threads(/x(/messages(/x)?|/runs/x)?)?|/audio/voice(s|_consents)(/x)?"
    r"|/agents(/x)?|/agents/(automations(/x(/pause|/resume)?)?|environments(/.*)?|sessions/x)"
    r"|/(realtime/calls|live/sessions)/x/(hangup|refer|reject)"
)
"""POST endpoints of the SDK that cost nothing by themselves, each looked at. A new one fails the test below."""


def test_no_endpoint_of_the_sdk_was_overlooked() -> None:
    """I1: every POST in the installed SDK is billed, booked as unmetered, or known to be free."""
    resources = Path(openai.__file__).parent / "resources"
    pattern = re.compile(r'self\._post\(\s*(?:path_template\(\s*)?f?"([^"]+)"')
    found = {path for file in resources.rglob("*.py") for path in pattern.findall(file.read_text())}
    calls = sum(file.read_text().count("self._post(") for file in resources.rglob("*.py"))
    caught = sum(len(pattern.findall(file.read_text())) for file in resources.rglob("*.py"))
    assert caught == calls > 100
    paths = {re.sub(r"\{[^}]*\}", "x", path).partition("?")[0] for path in found}
    unknown = {path for path in paths if billed_endpoint("post", path) is None and not FREE.fullmatch(path)}
    assert unknown == set()
    assert not {path for path in paths if billed_endpoint("post", path) and FREE.fullmatch(path)}


@pytest.mark.parametrize(
    ("url", "api", "kind"),
    [
        ("/chat/completions", "chat", Kind.LLM),
        ("chat/completions/", "chat", Kind.LLM),
        ("/chat/completions?beta=true", "chat", Kind.LLM),
        ("https://api.openai.com/v1/chat/completions", "chat", Kind.LLM),
        ("/v1/responses?beta=true", "responses", Kind.LLM),
        ("https://x.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=1", "chat", Kind.LLM),
        ("/responses/compact", "responses", Kind.LLM),
        ("/completions", "completions", Kind.LLM),
        ("/embeddings", "embeddings", Kind.EMBEDDING),
        ("/images/edits", "images", Kind.IMAGE),
        ("/audio/speech", "audio.speech", Kind.AUDIO),
        ("/audio/translations", "audio.translations", Kind.AUDIO),
        ("/videos", UNMETERED, Kind.LLM),
        ("/threads/t/runs", UNMETERED, Kind.LLM),
    ],
)
def test_billed(url: str, api: str, kind: Kind) -> None:
    """I1: an address however it is written."""
    endpoint = billed_endpoint("POST", url)
    assert endpoint is not None
    assert (endpoint.api, endpoint.kind) == (api, kind)


@pytest.mark.parametrize(
    ("method", "url"),
    [("get", "/responses/r"), ("get", "/chat/completions"), ("post", "/moderations"), ("delete", "/responses/r")],
)
def test_free(method: str, url: str) -> None:
    """I2: reading what is stored costs nothing."""
    assert billed_endpoint(method, url) is None


def test_stored_responses() -> None:
    """I2: the id in a retrieval, and in nothing else."""
    assert stored_response_id("/responses/resp_1?stream=true") == "resp_1"
    assert stored_response_id("/v1/responses/resp_1/cancel") == "resp_1"
    assert stored_response_id("/responses/resp_1/input_items") is None
    assert stored_response_id("/models") is None


def test_the_callers_extra_body_is_sent_and_counted() -> None:
    """I13: what `extra_body` overrides is what leaves."""
    sent = {"max_tokens": 5, "n": 1}
    assert request_body(sent, {"max_tokens": 9000}) == {"max_tokens": 9000, "n": 1}
    assert request_body(None, None) == request_body([1], None) == {}
    assert sent == {"max_tokens": 5, "n": 1}


@pytest.mark.parametrize(
    ("api", "body", "cap"),
    [
        ("chat", {}, None),
        ("chat", {"max_tokens": 100}, 100),
        ("chat", {"max_tokens": 100, "max_completion_tokens": 40}, 40),
        ("chat", {"max_tokens": 100, "n": 3}, 300),
        ("chat", {"max_tokens": None, "n": None}, None),
        ("chat", {"max_tokens": "100", "n": -2}, None),
        ("responses", {"max_output_tokens": 70, "max_tokens": 1}, 70),
        ("responses", {}, None),
        ("completions", {"prompt": "a"}, 16),
        ("completions", {"prompt": ["a", "b", "c"], "max_tokens": 10, "n": 2}, 60),
        ("completions", {"prompt": [1, 2, 3], "max_tokens": 10}, 10),
        ("completions", {"prompt": [[1], [2]], "max_tokens": 10, "best_of": 4, "n": 2}, 80),
        ("embeddings", {"max_tokens": 4}, 0),
        ("images", {}, 0),
    ],
)
def test_output_caps(api: str, body: dict, cap: int | None) -> None:
    """I13: the cap times the number of answers paid for."""
    assert output_cap(api, body) == cap


def test_worst_cases() -> None:
    """I13: input at its worst, and the output cap or, without one, what the model can do, for each choice."""
    estimate = InputEstimate(100, 0, 2, False, False, ())
    assert worst_case_usage("chat", {"max_tokens": 50, "n": 2}, estimate, None) == Usage(108, output_tokens=100)
    assert worst_case_usage("chat", {"n": 2}, estimate, 16_384) == Usage(108, output_tokens=32_768)
    assert worst_case_usage("chat", {}, estimate, None) == Usage(108)
    assert choices_of({"n": 0}) == choices_of({"n": True}) == choices_of({}) == 1


def test_speech_and_pictures(prices: PriceList) -> None:
    """I11: characters and pictures by the piece, tokens for the newer models; the worst case is no less."""
    assert speech_usage({"model": "tts-1-hd", "input": "héllo"}, 3) == Usage(characters=5)
    spoken = speech_usage({"model": "gpt-4o-mini-tts", "input": "x" * 900}, 200)
    assert spoken == Usage(input_tokens=200, output_tokens=1250, output_audio_tokens=1250)
    assert speech_usage({"model": "gpt-4o-mini-tts", "input": "x" * 900}, 200, worst=True).output_tokens == 2500
    assert picture_units({}, 2) == Usage(images=2, image_size="1024x1024")
    assert picture_units({"model": "dall-e-3", "quality": "hd", "size": "1792x1024"}, 1).image_quality == "hd"
    hd = picture_units({"model": "dall-e-3", "quality": "hd", "size": "1792x1024"}, 1)
    assert prices.price(hd, "dall-e-3", at=utc_now(), kind=Kind.IMAGE).cost_nano_usd == 120_000_000
