from __future__ import annotations

import pytest

from extproc.simulator.profile import FEATURES, SETTINGS, Profile, word_of


def test_the_default_profile_is_healthy_fast_and_open():
    profile = Profile()
    assert (profile.fail_status, profile.api_key, profile.tokens_per_s, profile.steerable) == (None, None, 0.0, False)
    assert len(profile.dialects) == 3


def test_a_request_can_steer_every_setting():
    examples = {int: "3", float: "0.5", bool: "", str: "word", tuple: "images, tools"}
    kinds = {"text": str, **dict.fromkeys(("characters", "fail_status", "retry_after_s", "cut", "stall", "pause", "end", "error"), int)}
    values = {"fail_status": "503", "verdict": "improve"}
    for name, setting in SETTINGS.items():
        kind = kinds.get(name, type(setting.default))
        value = values.get(name, examples[kind])
        steered = getattr(Profile().steered(f"{word_of(name)}={value}"), name)
        assert steered != setting.default, name
        assert type(steered) is kind, name


def test_items_are_separated_by_semicolons_and_spaces_do_not_matter():
    steered = Profile().steered(" status = 429 ;retry-after-s=7; refuse=images,tools ;; hang ")
    assert (steered.fail_status, steered.retry_after_s, steered.refuse, steered.hang) == (429, 7, ("images", "tools"), True)


def test_what_is_not_steered_stays():
    profile = Profile(words=7, fail_status=503)
    assert profile.steered("cut=2").words == 7
    assert profile.steered("") == profile
    assert Profile(hang=True).steered("hang=off").hang is False


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ("nonsense", "nonsense: unknown setting"),
        ("api-key=x", "api-key: unknown setting"),
        ("fail-status=503", "fail-status: unknown setting"),
        ("status=200", "status: expected an HTTP status from 400 to 599"),
        ("status", "status: expected an HTTP status"),
        ("cut=-1", "cut: expected a whole number"),
        ("cut=٣", "cut: expected a whole number"),
        ("words=99999999999999999999", "words: expected a whole number"),
        ("every=0", "every: expected a whole number from 1 on"),
        ("tokens-per-s=nan", "tokens-per-s: expected a number"),
        ("first-token-s=inf", "first-token-s: expected a number"),
        ("headers-s=-1", "headers-s: expected a number"),
        ("hang=maybe", "hang: expected no value, on or off"),
        ("verdict=maybe", "verdict: expected auto, accept, improve"),
        ("refuse=cheese", "refuse: expected some of images"),
    ],
)
def test_bad_items_say_what_was_expected(items: str, says: str):
    with pytest.raises(ValueError, match="^" + says):
        Profile().steered(items)


def test_a_profile_made_in_code_is_checked_too():
    with pytest.raises(ValueError, match="unknown feature 'cheese'"):
        Profile(refuse=("cheese",))
    with pytest.raises(ValueError, match="verdict: expected auto"):
        Profile(verdict="cheese")
    with pytest.raises(ValueError, match="fail_every"):
        Profile(fail_every=0)
    assert Profile(refuse=FEATURES).refuse == FEATURES


def test_faults_strike_only_each_nth_request():
    profile = Profile(fail_status=503, cut=1, refuse=("tools",), words=7, fail_every=3)
    struck = [profile.at(number).fail_status for number in range(1, 8)]
    assert struck == [None, None, 503, None, None, 503, None]
    healthy = profile.at(1)
    assert (healthy.cut, healthy.refuse, healthy.words) == (None, (), 7)
    assert profile.at(3) is profile


def test_the_key_does_not_show():
    assert "sesame" not in repr(Profile(api_key="sesame"))
