from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.steps.checks.refusal import refuses

DECLINED = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, but I can’t assist with that request.",
    "Sorry, I cannot help you with this.",
    "I can't help with that. If you are in danger, call your local emergency number.",
    "As an AI language model, I cannot provide that content.",
    "I'm unable to assist with this request.",
    "Unfortunately, I am not able to answer that question.",
    "I won't be able to help with that.",
    "I must decline to discuss this topic.",
    "  I apologize, but I cannot fulfill your request.",
    "I can't assist.",
    "Es tut mir leid, aber dabei kann ich dir nicht helfen.",
    "Es tut mir leid, ich kann Ihnen dabei nicht weiterhelfen.",
    "Je suis désolé, mais je ne peux pas vous aider avec cela.",
    "Désolée, je ne peux pas t'aider avec ça.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Desculpe, mas não posso ajudar com isso.",
    "Mi dispiace, ma non posso aiutarti con questo.",
    "很抱歉，我无法协助您完成这个请求。",
    "抱歉，但我不能提供该信息。",
    "申し訳ありませんが、そのリクエストにはお答えできません。",
]
BLIND = [
    "I'm sorry, but I can't see the image.",
    "I can't view images directly, but I can help if you describe it.",
    "I'm unable to open the attached file.",
    "Sorry, I can't directly access files.",
    "I cannot read the document you uploaded.",
    "I don't see any attachment here.",
    "It looks like the image didn't come through.",
    "It seems like no file was attached.",
    "Ich kann das Bild leider nicht sehen.",
    "Désolé, je ne peux pas voir l'image.",
    "Lo siento, no puedo ver la imagen.",
    "抱歉，我无法查看图片。",
]
ANSWERS = [
    "",
    "I can't find any bug in this code, it is correct.",
    "I cannot recommend this library enough.",
    "I can't see any people in the image, only a dog.",
    "I can't read the file's last line with certainty, but it seems to be 42.",
    "I can't see the image quality suffering from this.",
    "I don't see a file descriptor leak in this function.",
    "I don't see any image tags in this page.",
    "I can't help but notice that the loop never ends: `i` is not incremented.",
    "I can't help with that until you share the stack trace.",
    "I can't say for sure without the logs. The likeliest cause is a timeout.",
    "Sorry about that! Here is the corrected version.",
    "Unfortunately, this cannot be done with a regular expression.",
    "I'm sorry to hear that. Shall we go through it together?",
    "I can't provide an exact number, but about 3 million people live there.",
    "As an AI, I have no feelings, but all is well. How can I help?",
    "The model said: I'm sorry, but I can't help with that.",
    "You cannot open the file twice in Windows.",
    "The image shows a cat.",
    "No file was changed.",
    "Es tut mir leid, das zu hören.",
    "Je ne peux pas confirmer la date, mais c'était vers 1900.",
    "Lo siento mucho.",
]


@pytest.mark.parametrize("text", DECLINED)
def test_refusals(text: str):
    assert refuses(text, attached=False)
    assert refuses(text, attached=True)


@pytest.mark.parametrize("text", BLIND)
def test_what_cannot_be_seen_is_a_refusal_only_where_something_was_there(text: str):
    assert refuses(text, attached=True)
    assert not refuses(text, attached=False)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers(text: str):
    assert not refuses(text, attached=True)
    assert not refuses(text, attached=False)


def test_who_goes_on_for_long_has_answered():
    assert not refuses(DECLINED[0] + " In general, though, this holds." * 20, attached=False)


@given(st.text(alphabet=st.characters(), max_size=50))
def test_what_begins_otherwise_is_none(text: str):
    assert not refuses(f"Yes. {text} {DECLINED[0]}", attached=True)
