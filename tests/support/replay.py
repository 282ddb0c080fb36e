"""A conversation of an agent's, replayed turn by turn with models that take turns, each asked in its own dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from extproc.core.answers import Answer, Began, Block, Part, Piece, gathered, pieces_of
from extproc.core.conversation import Conversation, Manner, fitted
from extproc.core.dialects import DIALECTS
from extproc.core.dialects.crossing import Crossing
from extproc.core.vocabulary import Dialect
from extproc.core.wire.sse import SseParser
from tests.support.clients import CLIENTS, Client, Offer, Outcome
from tests.support.strict import refusals

_SIGNING = frozenset({Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES})
_IDS = {Dialect.ANTHROPIC: "msg_{}", Dialect.OPENAI_CHAT: "chatcmpl-{}", Dialect.OPENAI_RESPONSES: "resp_{}"}
_CALLS = {Dialect.ANTHROPIC: "toolu_{}_{}", Dialect.OPENAI_CHAT: "functions.call:{}.{}", Dialect.OPENAI_RESPONSES: "call_{}_{}"}


class Said(msgspec.Struct, frozen=True):
    """What the human says."""

    words: str


class Answered(msgspec.Struct, frozen=True):
    """What a model answers: its thinking, its words and its calls (name and arguments), and what the tools give for them."""

    thinking: str = ""
    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    gave: tuple[tuple[str, bool], ...] = ()
    """Of each call: the text, and whether it is an error."""


Step = Said | Answered


class Sent(msgspec.Struct, frozen=True):
    """A request that reached a model."""

    dialect: Dialect
    body: bytes
    refused: list[str]


class Replay:
    """One conversation of one client's."""

    def __init__(self, spoken: Dialect, system: str, tools: Sequence[Offer], thoughts: str = "never") -> None:
        """Begin; `thoughts` as in `Manner`: models of Chat Completions either know no thinking, or want all of it back."""
        self._spoken = spoken
        self._thoughts = thoughts
        self._client: Client = CLIENTS[spoken](system, tools)
        self._drafted: set[bytes] = set()
        """Questions that a model in another dialect has answered."""
        self._signed: dict[Dialect, set[str]] = {dialect: set() for dialect in Dialect}
        self._number = 0

    def run(self, steps: Sequence[Step], model: Callable[[int], Dialect]) -> Iterator[Sent]:
        """Go through the conversation; `model`: the dialect of the model that answers which turn."""
        for step in steps:
            if isinstance(step, Said):
                self._client.ask(step.words)
                continue
            yield self._answered(step, model(self._number))
            self._number += 1

    def _answered(self, step: Answered, asked: Dialect) -> Sent:
        body = self._client.request()
        ours = DIALECTS[self._spoken]
        conversation = ours.conversation(body)
        if asked is self._spoken:
            sent = ours.disowned(body, self._drafted.__contains__)
        else:
            self._drafted.add(ours.question(body))
            sent = DIALECTS[asked].asked(conversation, Manner("m", thoughts=self._thoughts))
        refused = refusals(asked, sent, signed=self._signed[asked], thinking=self._thoughts == "always")
        if asked is self._spoken:
            refused = [one for one in refused if _is_ours(one)]
        answer = self._answer(step, asked, conversation)
        ids = self._client.hear(self._told(answer, asked, conversation))
        if len(ids) != len(step.calls):
            refused.append(f"{len(ids)} calls in place of {len(step.calls)}")
        if ids:
            outcomes = [Outcome(id_, *gave) for id_, gave in zip(ids, step.gave, strict=True)]
            self._client.bring(outcomes[::-1])
        return Sent(asked, sent, refused)

    def _answer(self, step: Answered, asked: Dialect, conversation: Conversation) -> Answer:
        """The model's answer, in its own words for tools and with its own signature."""
        native = asked is self._spoken
        names = {tool.own_name or tool.name: tool for tool in conversation.tools}
        blocks: list[Block] = []
        if step.thinking:
            signature = f"sealed by {asked} {self._number}" if asked in _SIGNING else ""
            self._signed[asked].add(signature)
            blocks.append(Block(Part.THINKING, step.thinking, signature=signature))
        if step.text:
            blocks.append(Block(Part.TEXT, step.text))
        for index, (name, arguments) in enumerate(step.calls):
            tool = names.get(name)
            called = name if native or tool is None else fitted(tool.name)
            raw = tool.raw if native and tool is not None else None
            blocks.append(Block(Part.CALL, arguments, _CALLS[asked].format(self._number, index), called, raw=raw))
        return Answer(_IDS[asked].format(self._number), "m", tuple(blocks), ended=True)

    def _told(self, answer: Answer, asked: Dialect, conversation: Conversation) -> bytes:
        """The answer as the client gets it: streamed by the provider, and translated where it must be."""
        writer = DIALECTS[asked].writer(7)
        stream = b"".join([writer.write(piece) for piece in pieces_of(answer)])
        parser, reader = SseParser(), DIALECTS[asked].reader()
        pieces: list[Piece] = [piece for event in parser.feed(stream) for piece in reader.read(event)]
        if asked is not self._spoken:
            pieces = Crossing(conversation.tools).take(pieces)
            own = _IDS[self._spoken].format(self._number)
            pieces = [Began(own, piece.model) if isinstance(piece, Began) else piece for piece in pieces]
        return DIALECTS[self._spoken].fold(gathered(pieces), 7)


def _is_ours(refused: str) -> bool:
    """Whether a refusal is about what other models have left in a request that goes out as the client wrote it."""
    return any(about in refused for about in ("another provider", "nobody has kept", "result", " id "))
