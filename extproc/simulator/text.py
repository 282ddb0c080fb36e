"""What a simulated model says: short, sensible, and a function of the model's name and the request alone. Pure."""

from __future__ import annotations

import zlib
from itertools import cycle, islice

_EXCERPT_WORDS = 8
_EXCERPT_CHARACTERS = 60

_SENTENCES = (
    "The short version comes first and the details follow.",
    "Start with the smallest case that still shows the behaviour, and grow from there.",
    "Two things decide the outcome: what goes in, and what has to be true afterwards.",
    "Where the question leaves room, the simpler reading is taken.",
    "Each step can be checked by itself before the next one is made.",
    "If a step fails, its message says which assumption did not hold.",
    "The usual mistake is to change several things at once and to measure none of them.",
    "Names carry most of the meaning here, so it pays to choose them with care.",
    "An example makes the rule easier to remember than the rule itself.",
    "The remaining cases follow the same pattern and need no special treatment.",
    "It is worth writing down why this was chosen, because the reason is forgotten first.",
    "A second look at the edges is cheap: nothing, one thing, and very many things.",
    "None of this depends on the order in which the parts arrive.",
    "The result is easy to undo, which makes it safe to try.",
    "What was left out can be added later without touching the rest.",
)

_THOUGHTS = (
    "The request has to be read closely before anything is said.",
    "One reading is plain and another is possible, and the plain one fits better.",
    "The answer should stay short, and say which model it came from.",
    "Nothing here needs a second source.",
)


def answer(model: str, prompt: str, words: int) -> str:
    """Write an answer of whole sentences and at least this many words, which names the model and quotes the prompt's beginning."""
    quoted = excerpt(prompt)
    opening = f'{model} on "{quoted}":' if quoted else f"{model} here."
    return _fill(opening, _SENTENCES, words, _seed(model + quoted))


def improved(model: str, draft: str, words: int) -> str:
    """Write what takes the place of a draft: the same kind of answer, which does not mention the draft."""
    return _fill(f"{model} puts it this way:", _SENTENCES, words, _seed(model + excerpt(draft)))


def thought(prompt: str, words: int) -> str:
    """Write what is thought before an answer: whole sentences, at least this many words."""
    quoted = excerpt(prompt)
    return _fill(f'They ask "{quoted}".' if quoted else "They ask nothing in words.", _THOUGHTS, words, _seed(quoted))


def loop(prompt: str, words: int) -> str:
    """Write one sentence over and over, as a model does that does not find its end."""
    chosen = _SENTENCES[_seed(excerpt(prompt)) % len(_SENTENCES)]
    return _fill(chosen, (chosen,), words, 0)


def excerpt(prompt: str) -> str:
    """Give the first words of a prompt, on one line."""
    # A prompt may have a megabyte: only its beginning is split.
    words = prompt[:2000].split()
    short = " ".join(words[:_EXCERPT_WORDS])
    whole = len(words) <= _EXCERPT_WORDS and len(short) <= _EXCERPT_CHARACTERS
    return short if whole else short[:_EXCERPT_CHARACTERS].rstrip() + "…"


def _seed(text: str) -> int:
    return zlib.crc32(text.encode())


def _fill(opening: str, stock: tuple[str, ...], words: int, seed: int) -> str:
    """Put sentences behind an opening, until there are enough words."""
    said = [opening]
    count = len(opening.split())
    start = seed % len(stock)
    for sentence in islice(cycle(stock), start, start + words):
        if count >= words:
            break
        said.append(sentence)
        count += len(sentence.split())
    text = " ".join(said)
    return text[:-1] + "." if text.endswith(":") else text
