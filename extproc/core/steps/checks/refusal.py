"""Recognises a short answer that opens with a refusal.

Only whole phrases at the very beginning count, so that an answer which merely says "I can't" about its subject is none. What is missed
reaches the client as the draft's own word; a false alarm costs one more call.
"""

from __future__ import annotations

import re

_SHORT = 600
"""Characters of a refusal at most; who writes more has answered something."""
_OPENING = 300
"""Characters in which its phrase has to stand."""

_SORRY = (
    r"(?:(?:(?:i'm|i am)(?: very| so| really)? (?:sorry|afraid)|sorry|apologies|i apologi[sz]e|unfortunately)[,.:;!]? "
    r"(?:but |that |however,? )?)?"
    r"(?:as an? (?:ai|artificial intelligence|(?:large )?language model)[^,.]{0,40}, )?(?:but )?"
)
_CANNOT = (
    r"i(?: can't| cannot| can not| won't| will not| must decline to| am not able to| am unable to| am not allowed to|"
    r"'m not able to|'m unable to|'m not allowed to)(?: be able to)? "
)
_THAT = r"(?:that|this|(?:that|this|your|these|such) (?:kind of )?(?:request|question|topic|task|content|conversation)s?)\b"
_DECLINES = (
    rf"{_SORRY}{_CANNOT}(?:(?:help|assist)(?: you)? (?:with|on)|comply with|fulfil+) {_THAT}",
    rf"{_SORRY}{_CANNOT}(?:answer|discuss|continue|engage (?:in|with)|participate in|provide|create|generate|write|do) {_THAT}(?=[.!,;]|$)",
    rf"{_SORRY}{_CANNOT}(?:help|assist)(?: you)?(?=[.!]|$)",
    # German, French, Spanish, Portuguese, Italian, Chinese, Japanese.
    r"(?:(?:es )?tut mir leid, (?:aber )?)?(?:dabei|damit) kann ich (?:dir |ihnen |euch )?(?:leider )?nicht (?:weiter)?helfen",
    r"(?:es )?tut mir leid, (?:aber )?ich kann (?:dir |ihnen )?(?:dabei|damit|bei dieser anfrage) nicht (?:weiter)?helfen",
    r"(?:(?:je suis )?désolée?, (?:mais )?)?je ne (?:peux|suis) pas (?:en mesure de )?(?:vous |t')?aider (?:avec|à|sur) "
    r"(?:cela|ça|cette demande)",
    r"(?:lo siento,? (?:pero )?)?no puedo (?:ayudarte|ayudarle|ayudar) con (?:eso|esto|esa solicitud|esta solicitud)",
    r"(?:(?:me )?desculpe,? (?:mas )?)?não posso (?:te |lhe )?ajudar(?:-lo)? com (?:isso|isto|esse pedido|essa solicitação)",
    r"(?:mi dispiace,? (?:ma )?)?non posso (?:aiutarti|aiutarla|aiutare) con (?:questo|questa richiesta|ciò)",
    r"(?:很?抱歉|对不起)[,，]?(?:但是?)?我(?:无法|不能)(?:帮助|协助|提供|满足|完成|回答)",
    r"(?:申し訳(?:ありません|ございません)が、?|すみませんが、?)(?:その|この|ご)*(?:リクエスト|要求|要望|依頼|質問).{0,8}(?:できません|できかねます)",
)
_WAITS = re.compile(r"[^.!?\n]*\b(?:until|unless|without|yet)\b")
"""The rest of a sentence that asks for something, to go on when it is there."""

_NOUN = r"(?:images?|pictures?|photos?|screenshots?|files?|documents?|pdfs?|attachments?)"
_SEE = r"(?:directly |actually |currently )?(?:see|view|access|open|read|analy[sz]e|process|interpret|look at)"
_CLAUSE = r"(?=\s*(?:[.,;:!\n]|$)| (?:you|that|directly|and|or|here|in your)\b)"
"""What stands behind a noun that is not part of another: neither "the file's" nor "the image quality"."""
_BLIND = (
    rf"{_SORRY}{_CANNOT}{_SEE} (?:the |this |that |these |your |any |an? )?(?:attached |uploaded |provided )?{_NOUN}{_CLAUSE}",
    rf"{_SORRY}i (?:don't|do not) (?:see|have) (?:any|an?|the|your) (?:attached |uploaded )?{_NOUN}(?: attached)?{_CLAUSE}",
    rf"{_SORRY}(?:it (?:looks|seems) like )?no {_NOUN} (?:was|were|is|are) (?:attached|uploaded|provided)",
    rf"{_SORRY}(?:it (?:looks|seems) like )?(?:the|your) {_NOUN} (?:was|were|is|are|did)(?: not|n't) (?:attached|uploaded|come through)",
    r"(?:(?:es )?tut mir leid, (?:aber )?)?ich kann (?:leider )?(?:das|die|den|dein|ihr|ihre) (?:bild|bilder|foto|datei|anhang|dokument) "
    r"(?:leider )?nicht (?:sehen|öffnen|lesen|anzeigen)",
    r"(?:(?:je suis )?désolée?, (?:mais )?)?je ne (?:peux|vois) pas (?:voir |ouvrir |lire )?"
    r"(?:l'image|votre image|le fichier|d'image|la photo)",
    r"(?:lo siento,? (?:pero )?)?no puedo (?:ver|abrir|leer) (?:la imagen|imágenes|el archivo|la foto|el documento)",
    r"(?:很?抱歉[,，]?)?(?:但是?)?我(?:无法|不能|看不到)(?:查看|看到|打开|读取|访问)?(?:您的|你的|这张|该|任何)?(?:图片|图像|文件|附件|照片)",
)
_DECLINED, _BLINDED = (re.compile("|".join(phrases)) for phrases in (_DECLINES, _BLIND))


def refuses(text: str, *, attached: bool) -> bool:
    """Whether a text is a refusal, in one of a few languages.

    "I can't see the image" is one only where the client `attached` something: otherwise it is the truth, and the other model sees
    no more than this one.
    """
    text = text.strip()
    if len(text) > _SHORT:
        return False
    opening = text[:_OPENING].casefold().replace("’", "'")
    declined = _DECLINED.match(opening)
    if declined is not None:
        return _WAITS.match(opening, declined.end()) is None
    return attached and _BLINDED.match(opening) is not None
