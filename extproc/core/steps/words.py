"""The words and phrases by which an instruction tells how hard it is, by family. English; other languages have a rule of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_SUFFIXES = ("", "s", "es", "e", "ed", "d", "ing", "er", "ers", "ion", "ions", "or", "al", "y", "able", "ability")

HARD: Mapping[str, str] = {
    "keyword_design": "design* architect* architecture* architectural tradeoff* trade-off* scalab* distributed | from scratch, data model",
    "keyword_debug": "debug* deadlock* segfault* regression* flaky leak* crash* bug bugs broken | root cause, does not work, "
    "doesn't work, why does, why is, fails with, stack trace",
    "keyword_prove": "prov* proof* deriv* derivation* theorem* lemma* induction counterexample* axiom* | show that",
    "keyword_optimise": "optimiz* optimis* optimization* optimisation* performance bottleneck* throughput latency profil* | "
    "time complexity, big o, speed up, make it faster",
    "keyword_security": "secur* security insecure vulnerab* vulnerabilit* exploit* attack* injection xss csrf cryptograph* encrypt* "
    "encryption authenticat* authorization threat* | threat model",
    "keyword_concurrency": "concurren* concurrency parallel* mutex* lock-free thread-safe atomic* linearizab* synchroniz* "
    "synchronis* race | race condition, data race",
    "keyword_refactor": "refactor* restructur* migrat* migration* moderniz* rewrit* | port it, port this",
    "keyword_implement": "implement* implementation* algorithm* function* program* script* class* test tests unit-test* api | "
    "write code, write a function",
    "keyword_analyse": "analyz* analys* analysis evaluat* evaluation* critiqu* assess* assessment* investigat* contradict* compar* "
    "comparison* implication* | pros and cons",
    "keyword_plan": "strateg* roadmap* plan plans planning prioritiz* prioritis* | step by step, think through",
    "keyword_stakes": "legal* contract* lawsuit* liabilit* medical* diagnos* diagnosis dosage* symptom* tax taxes invest* investment* | "
    "side effects",
}
"""Families whose words make a request harder. Before `|` words (`*`: also with the usual endings), behind it phrases."""

EASY: Mapping[str, str] = {
    "greeting": "hi hello hey thanks thank bye goodbye greetings morning evening welcome | how are you, good night",
    "simple_edit": "rename* format* reformat* capitaliz* lowercase uppercase sort* translat* spell* typo typos reword* rephras* shorten* "
    "punctuation | fix the grammar",
    "simple_list": "list lists enumerat* name bullet bullets synonym* antonym*",
    "lookup": "what who when where which capital define definition meaning convert spelled | what is, what's, "
    "how many days, how do you say",
    "short_answer": "briefly tldr | one word, one sentence, yes or no, in short, short answer, only the answer, just the answer",
}
"""Families whose words make a short request easier."""

SIGNS: Mapping[str, str] = {
    "explanation": "why explain* how",
    "long_output": "essay* report* comprehensive thorough thoroughly detailed exhaustive | in depth, in-depth, in detail",
    "dissatisfied": "wrong incorrect | still not, still fail, still broken, not right, not correct, isn't right, isn't correct, "
    "look right, "
    "look correct, try again, check again, check it again, check each, does not work, doesn't work, doesnt work, once more",
    "asks_number": "| how many, how much, how long, how far, how old, how fast, what percent, what fraction, calculate, solve",
    "asks_value": "| what is the, what was the, what are the, find the",
}
"""What else words tell; each of these is a rule, or half of one."""

CONSTRAINTS = frozenset(
    ["must", "should", "shall", "ensure", "exactly", "never", "always", "only", "except", "unless", "without", "least", "most"]
)
"""Words that set conditions."""

STOP_WORDS = frozenset(
    [
        "the",
        "of",
        "and",
        "to",
        "in",
        "is",
        "are",
        "you",
        "that",
        "it",
        "for",
        "on",
        "with",
        "as",
        "this",
        "be",
        "at",
        "or",
        "from",
        "what",
        "how",
        "can",
        "my",
        "your",
        "i",
        "a",
        "an",
        "me",
        "do",
    ]
)
"""English words that hardly any English sentence does without."""

ENGLISH = STOP_WORDS | frozenset(
    [
        "please",
        "read",
        "show",
        "tell",
        "give",
        "make",
        "add",
        "run",
        "open",
        "close",
        "find",
        "fix",
        "say",
        "write",
        "look",
        "see",
        "get",
        "set",
        "put",
        "use",
        "help",
        "let",
        "try",
        "check",
        "test",
        "build",
        "start",
        "stop",
        "go",
        "come",
        "keep",
        "take",
        "good",
        "yes",
        "no",
        "not",
        "but",
        "if",
        "then",
        "so",
        "or",
        "by",
        "its",
        "it's",
        "we",
        "they",
        "he",
        "she",
        "there",
        "here",
        "all",
        "any",
        "some",
        "more",
        "about",
        "up",
        "out",
    ]
)
"""Words by which even a short English request is known."""

_WORD = re.compile(r"[a-z][a-z'-]*[a-z]|[a-z]")


@dataclass(frozen=True, slots=True)
class Families:
    """Families compiled for look-up: one dictionary access per distinct word, and a search for phrases whose first word is there."""

    words: Mapping[str, tuple[str, ...]]
    phrases: Mapping[str, tuple[tuple[str, str], ...]]
    """First word → phrases and their families."""

    def found(self, text: str, words: set[str]) -> set[str]:
        """Name the families that a lower-case text holds words or phrases of; `words` are the text's."""
        found = {family for word in words & self.words.keys() for family in self.words[word]}
        for word in (words & self.phrases.keys()) | {""} & self.phrases.keys():
            for phrase, family in self.phrases[word]:
                if phrase in text:
                    found.add(family)
        return found


def words_of(text: str) -> set[str]:
    """Give the distinct words of a lower-case text."""
    return set(_WORD.findall(text))


def compiled(families: Mapping[str, str]) -> Families:
    """Compile a table such as `HARD`."""
    words: dict[str, tuple[str, ...]] = {}
    phrases: list[tuple[str, str]] = []
    for family, line in families.items():
        alone, _, spoken = line.partition("|")
        for entry in alone.split():
            for word in [entry[:-1] + suffix for suffix in _SUFFIXES] if entry.endswith("*") else [entry]:
                words[word] = (*words.get(word, ()), family)
        phrases.extend((phrase.strip(), family) for phrase in spoken.split(",") if phrase.strip())
    return Families(words, _by_first_word(phrases))


def _by_first_word(phrases: Iterable[tuple[str, str]]) -> dict[str, tuple[tuple[str, str], ...]]:
    sorted_in: dict[str, tuple[tuple[str, str], ...]] = {}
    for phrase, family in phrases:
        first = _WORD.match(phrase)
        key = first[0] if first else ""
        sorted_in[key] = (*sorted_in.get(key, ()), (phrase, family))
    return sorted_in


def own_families(keywords: Mapping[str, Iterable[str]]) -> Families:
    """Compile an operator's own keyword rules: name → words or phrases in any case."""
    words: dict[str, tuple[str, ...]] = {}
    phrases: list[tuple[str, str]] = []
    for family, entries in keywords.items():
        for entry in (given.lower() for given in entries):
            if _WORD.fullmatch(entry):
                words[entry] = (*words.get(entry, ()), family)
            else:
                phrases.append((entry, family))
    return Families(words, _by_first_word(phrases))
