"""Every outcome of a cascade as the real SDKs see it, by each of their ways to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anthropic
import openai
import pytest

from tests.support.asking import CLAUDE, GPT, MODEL, OUTCOMES, Seen, chat_chunks, chat_helper, messages_events, messages_helper
from tests.support.pair import HARD, Pair, pair, steering

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system")) as running:
        yield running


@pytest.fixture(scope="module")
def claude(both: Pair) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=both.system.url, api_key="client-key", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def gpt(both: Pair) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{both.system.url}/v1", api_key="client-key", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("way", [*CLAUDE, *GPT], ids=lambda way: way.__name__)
def test_an_outcome(claude: anthropic.Anthropic, gpt: openai.OpenAI, way: Callable[..., Seen], outcome: str):
    model, text = way(claude if way in CLAUDE else gpt, OUTCOMES[outcome])
    by = "draft-small" if outcome in {"ACCEPTED", "FALLBACK"} else MODEL
    assert model == by
    assert text.startswith(f"{by} puts it this way:" if outcome == "ENHANCED" else f"{by} on ")
    assert text.endswith(".")
    assert "USE_DRAFT" not in text


@pytest.mark.parametrize("way", [*CLAUDE, *GPT], ids=lambda way: way.__name__)
def test_both_fail_before_anything_went_out(claude: anthropic.Anthropic, gpt: openai.OpenAI, way: Callable[..., Seen]):
    how = steering("status=400", "status=429")
    with pytest.raises((anthropic.RateLimitError, openai.RateLimitError), match="would exceed the rate limit"):
        way(claude if way in CLAUDE else gpt, how)


@pytest.mark.parametrize("verify", ["status=429", "cut=6"])
@pytest.mark.parametrize("way", [messages_events, messages_helper, chat_chunks, chat_helper], ids=lambda way: way.__name__)
def test_both_fail_in_mid_stream(claude: anthropic.Anthropic, gpt: openai.OpenAI, way: Callable[..., Seen], verify: str):
    says = "would exceed the rate limit" if "429" in verify else "broke off"
    with pytest.raises((anthropic.APIStatusError, openai.APIError), match=says):
        way(claude if way in CLAUDE else gpt, steering("cut=6", verify))


@pytest.mark.parametrize("verify", ["status=429", "cut=6"])
def test_both_fail_in_mid_stream_of_responses(gpt: openai.OpenAI, verify: str):
    how = steering("cut=6", verify)
    with gpt.responses.create(model=MODEL, input=HARD, stream=True, extra_headers=how) as events:
        last = list(events)[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert ("would exceed the rate limit" if "429" in verify else "broke off") in last.response.error.message
