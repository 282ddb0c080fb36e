"""The words and phrases by which an instruction tells how hard it is, by family. English; other languages have a rule of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_ENDINGS = (
    "s es e ed d en ing er ers or ors ion ions al ally y ly ies able ability ation ations ative atives ment ments ity ities "
    "le ility ilities t ten tly cy ic ically is ging ged ming med mer ping ped ning ned ting ted"
)

HARD: Mapping[str, str] = {
    "keyword_design": "design* architect* architecture* architectural scalab* | trade-off*, tradeoff*, from scratch, data model, "
    "distributed system*",
    "keyword_debug": "debug* deadlock* segfault* regression* flaky leak* crash* bug bugs buggy broken | root cause, does not work, "
    "doesn't work, why does, why is, fails with, stack trace",
    "keyword_prove": "prov* proof* deriv* theorem* lemma* induction counterexample* axiom* | show that",
    "keyword_optimise": "optimiz* optimis* performance performant bottleneck* throughput latency profil* | time complexity, big o, "
    "speed up, make it faster",
    "keyword_security": "secur* insecur* vulnerab* exploit* attack* injection xss csrf cryptograph* encrypt* authenticat* authoriz* "
    "authoris* threat* | threat model*",
    "keyword_concurrency": "concurren* parallel* mutex* atomic* linearizab* synchroniz* synchronis* asynchronous | lock-free, thread-safe, "
    "race condition*, data race*",
    "keyword_refactor": "refactor* restructur* migrat* moderniz* modernis* rewrit* | port it, port this",
    "keyword_implement": "implement* algorithm* function* program* script* test tests api apis code sql query queries regex* "
    "python javascript typescript bash docker* kubernetes nginx terraform | write a class, unit test*",
    "keyword_analyse": "analyz* analys* evaluat* critiqu* assess* investigat* contradict* compar* comparison* implication* | pros and cons",
    "keyword_plan": "strateg* roadmap* plan plans planned planning prioritiz* prioritis* | step by step, think through",
    "keyword_stakes": "legal* contract* lawsuit* liab* liabilit* medical* medication* diagnos* dosage* symptom* tax taxes invest* | "
    "side effects",
}
"""Families whose words make a request harder. Before `|` words (`*`: also with the usual endings), behind it phrases (`*`: any ending)."""

EASY: Mapping[str, str] = {
    "greeting": "hi hello hey thanks thank bye goodbye greetings morning evening welcome | how are you, good night",
    "simple_edit": "renam* format* reformat* capitaliz* capitalis* lowercase uppercase sort* translat* spell* typo typos reword* rephras* "
    "shorten* punctuation | fix the grammar",
    "simple_list": "list lists enumerat* name bullet bullets synonym* antonym*",
    "lookup": "what whats who when where which capital define definition meaning convert spelled | how many days, how do you say",
    "short_answer": "briefly tldr | one word, one sentence, yes or no, in short, short answer, only the answer, just the answer",
}
"""Families whose words make a short request easier."""

SIGNS: Mapping[str, str] = {
    "explanation": "why explain* how",
    "long_output": "essay* report* comprehensive thorough thoroughly detailed exhaustive | in depth, in-depth, in detail",
    "dissatisfied": "wrong incorrect | still not, still fail*, still broken, not right, not correct, isn't right, isn't correct, "
    "look right, look correct, try again, check again, check it again, check each, does not work, doesn't work, doesnt work, once more",
    "asks_number": "| how many, how much, how long, how far, how old, how fast, what percent, what fraction, calculate, solve",
    "asks_value": "| what is the, what was the, what are the, find the",
}
"""What else words tell; each of these is a rule, or half of one."""

CONSTRAINTS = frozenset(
    ["must", "should", "shall", "ensure", "exactly", "never", "always", "only", "except", "unless", "without", "least", "most"]
)
"""Words that set conditions."""

_ENGLISH = (
    "the of and to in is are you that it for on with as this be at or from what how can my your i a an me do its we they he she "
    "there here all any some more about up out by not but if then so please read show tell give make add run open close find fix say "
    "write look see get set put use help let try check test build start stop go come keep take good yes no when where who why which "
    "were has have had will would could should than over into after before between each every just very their them our us his her been "
    "does did like need want new one first last next same other most many much only"
)
ENGLISH = frozenset(_ENGLISH.split())
"""Words that hardly any English request does without, however short."""

_FOREIGN = re.compile(r"[^\W\d_\x00-\x7f]")
"""Letters that English does without."""
_LETTERS = "".join([char if char.isalpha() else " " for char in map(chr, range(128))])
"""A table for `str.translate`: all that is no letter becomes a space."""
_WORD = re.compile(r"[^\W\d_]+")
_UNSPACED = "\u0e00"
"""From about here on (Thai, Chinese, Japanese, ...) scripts may set no spaces between words."""


Phrase = tuple[str, str, bool]
"""What is looked for, its family, and whether its last word may go on."""


@dataclass(frozen=True, slots=True)
class Families:
    """Families compiled for look-up: one dictionary access per distinct word, and a search for phrases whose first word is there."""

    words: Mapping[str, tuple[str, ...]]
    phrases: Mapping[str, tuple[Phrase, ...]]
    """First word → phrases that begin with it."""
    anywhere: tuple[Phrase, ...]
    """Phrases that do not begin with a word."""

    def found(self, text: str, words: set[str]) -> set[str]:
        """Name the families that a lower-case text holds words or phrases of; `words` are the text's."""
        found = {family for word in words & self.words.keys() for family in self.words[word]}
        for word in words & self.phrases.keys():
            for phrase, family, open_ended in self.phrases[word]:
                if phrase in text and _holds(text, phrase, open_ended=open_ended):
                    found.add(family)
        if self.anywhere:
            found.update([family for phrase, family, open_ended in self.anywhere if _holds(text, phrase, open_ended=open_ended)])
        return found


def words_of(text: str) -> set[str]:
    """Give the distinct words of a lower-case text, apostrophes left out (`doesnt`)."""
    text = text.replace("'", "")
    return set(text.translate(_LETTERS).split() if text.isascii() else _WORD.findall(text))


def is_english(beginning: str, words: set[str], families: set[str]) -> bool:
    """Tell from the beginning of a text, its words and the families found whether its words say anything to these tables.

    Words of the families count ("Define entropy"), but alone they do not make a sentence English ("Quel est le format ...").
    """
    foreign = 0 if beginning.isascii() else len(_FOREIGN.findall(beginning))
    if foreign > len(beginning) * 0.12:
        return False
    count = len(words)
    if count < 3 and not foreign:
        return True
    return len(words & ENGLISH) + len(families) >= 1 + min(12, (count + 2) // 8) + bool(foreign and count < 8)


def compiled(families: Mapping[str, str]) -> Families:
    """Compile a table such as `HARD`."""
    words: dict[str, tuple[str, ...]] = {}
    phrases: list[tuple[str, str]] = []
    for family, line in families.items():
        alone, _, spoken = line.partition("|")
        for entry in alone.split():
            stem = entry.removesuffix("*")
            for word in {stem, *[stem + suffix for suffix in _ENDINGS.split()]} if entry.endswith("*") else {stem}:
                words[word] = (*words.get(word, ()), family)
        phrases.extend((phrase.strip(), family) for phrase in spoken.split(",") if phrase.strip())
    return _families(words, phrases)


def own_families(keywords: Mapping[str, Iterable[str]]) -> Families:
    """Compile an operator's own keyword rules: name → words or phrases in any case."""
    words: dict[str, tuple[str, ...]] = {}
    phrases: list[tuple[str, str]] = []
    for family, entries in keywords.items():
        for entry in (given.lower() for given in entries):
            if words_of(entry) == {entry} and max(entry) < _UNSPACED:
                words[entry] = (*words.get(entry, ()), family)
            else:
                phrases.append((entry, family))
    return _families(words, phrases)


def _families(words: Mapping[str, tuple[str, ...]], phrases: Iterable[tuple[str, str]]) -> Families:
    led: dict[str, tuple[Phrase, ...]] = {}
    anywhere: list[Phrase] = []
    for entry, family in phrases:
        phrase = (entry.removesuffix("*"), family, entry.endswith("*"))
        first = _WORD.search(entry.replace("'", ""))
        if first and first[0] < _UNSPACED:
            led[first[0]] = (*led.get(first[0], ()), phrase)
        else:
            anywhere.append(phrase)
    return Families(words, led, tuple(anywhere))


def _holds(text: str, phrase: str, *, open_ended: bool) -> bool:
    """Whether a phrase stands in a text, not as a part of longer words."""
    at = text.find(phrase)
    while at >= 0:
        end = at + len(phrase)
        if not _joined(text[at - 1 : at], phrase[0]) and (open_ended or not _joined(phrase[-1], text[end : end + 1])):
            return True
        at = text.find(phrase, at + 1)
    return False


def _joined(before: str, after: str) -> bool:
    return before.isalnum() and after.isalnum() and max(before, after) < _UNSPACED
