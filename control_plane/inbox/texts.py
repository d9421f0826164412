"""The texts of entries and push messages, by language. Languages without texts get the default.

A text shows who acted (`{who}`: one user, or one user and a number of others) and what it is about (`{text}`). Names
and texts come from users: they are inserted as they are and never read as a template.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from typing import NamedTuple

from control_plane.inbox.model import KIND_OF_PUSH, Kind
from control_plane.push.model import Text

DEFAULT = "en"
LONGEST_NAME = 60
"""Characters of a name in a text. Longer: a name fills a push message by itself."""
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""Format characters that emoji and some scripts need. The others can turn the direction of the text around a name."""


class Forms(NamedTuple):
    """A text for one user, and for several."""

    one: str
    many: str


class Language(NamedTuple):
    two: str
    """One user and one other."""
    several: str
    """One user and `{others}` others."""
    someone: str
    """A user without a name."""
    texts: Mapping[Kind, Forms]


def _same(text: str) -> Forms:
    return Forms(text, text)


LANGUAGES: Mapping[str, Language] = {
    "en": Language(
        "{who} and 1 other",
        "{who} and {others} others",
        "A user",
        {
            Kind.FOLLOW: _same("{who} started following you."),
            Kind.FOLLOW_REQUEST: Forms("{who} wants to follow you.", "{who} want to follow you."),
            Kind.FOLLOW_ACCEPTED: _same("{who} accepted your request to follow."),
            Kind.MESSAGE: _same("{who} sent you a message."),
            Kind.LIVE: Forms("{who} is live now: {text}", "{who} are live now."),
            Kind.GIFT: Forms("{who} sent you a gift: {text}", "{who} sent you gifts."),
            Kind.VIDEO_LIKE: _same("{who} liked your video."),
            Kind.VIDEO_COMMENT: Forms("{who} commented: {text}", "{who} commented on your video."),
            Kind.COMMENT_LIKE: _same("{who} liked your comment."),
            Kind.COMMENT_REPLY: Forms("{who} replied: {text}", "{who} replied to your comment."),
            Kind.MENTION: Forms("{who} mentioned you: {text}", "{who} mentioned you."),
            Kind.VIDEO_POST: Forms("{who} posted a video: {text}", "{who} posted videos."),
            Kind.VIDEO_FAILED: _same("Your video could not be converted: {text}"),
            Kind.SINGLE: Forms("{who} invites you to a live stream.", "{who} invite you to a live stream."),
            Kind.MULTIPLE: Forms(
                "{who} invites you to a live stream with several hosts.",
                "{who} invite you to a live stream with several hosts.",
            ),
            Kind.REPORT_CLOSED: _same("We have looked at your report: {text}"),
            Kind.DECISION: _same("Our team has decided: {text}"),
            Kind.APPEAL_CLOSED: _same("We have looked at your appeal: {text}"),
            Kind.PAYOUT: _same("Your payout: {text}"),
            Kind.COINS_CREDITED: _same("Your purchase is complete. Coins added: {text}"),
            Kind.COINS_TAKEN_BACK: _same("A purchase was refunded. Coins taken back: {text}"),
        },
    ),
    "de": Language(
        "{who} und 1 weitere Person",
        "{who} und {others} weitere",
        "Jemand",
        {
            Kind.FOLLOW: Forms("{who} folgt dir jetzt.", "{who} folgen dir jetzt."),
            Kind.FOLLOW_REQUEST: Forms("{who} möchte dir folgen.", "{who} möchten dir folgen."),
            Kind.FOLLOW_ACCEPTED: Forms("{who} hat deine Anfrage angenommen.", "{who} haben deine Anfrage angenommen."),
            Kind.MESSAGE: Forms("{who} hat dir geschrieben.", "{who} haben dir geschrieben."),
            Kind.LIVE: Forms("{who} ist jetzt live: {text}", "{who} sind jetzt live."),
            Kind.GIFT: Forms("{who} hat dir ein Geschenk geschickt: {text}", "{who} haben dir Geschenke geschickt."),
            Kind.VIDEO_LIKE: Forms("{who} gefällt dein Video.", "{who} gefällt dein Video."),
            Kind.VIDEO_COMMENT: Forms("{who} hat kommentiert: {text}", "{who} haben dein Video kommentiert."),
            Kind.COMMENT_LIKE: _same("{who} gefällt dein Kommentar."),
            Kind.COMMENT_REPLY: Forms("{who} hat geantwortet: {text}", "{who} haben auf deinen Kommentar geantwortet."),
            Kind.MENTION: Forms("{who} hat dich erwähnt: {text}", "{who} haben dich erwähnt."),
            Kind.VIDEO_POST: Forms("{who} hat ein Video gepostet: {text}", "{who} haben Videos gepostet."),
            Kind.VIDEO_FAILED: _same("Dein Video konnte nicht umgewandelt werden: {text}"),
            Kind.SINGLE: Forms("{who} lädt dich in einen Livestream ein.", "{who} laden dich in einen Livestream ein."),
            Kind.MULTIPLE: Forms(
                "{who} lädt dich in einen Livestream mit mehreren Hosts ein.",
                "{who} laden dich in einen Livestream mit mehreren Hosts ein.",
            ),
            Kind.REPORT_CLOSED: _same("Wir haben deine Meldung geprüft: {text}"),
            Kind.DECISION: _same("Unser Team hat entschieden: {text}"),
            Kind.APPEAL_CLOSED: _same("Wir haben deinen Einspruch geprüft: {text}"),
            Kind.PAYOUT: _same("Deine Auszahlung: {text}"),
            Kind.COINS_CREDITED: _same("Dein Kauf ist abgeschlossen. Gutgeschriebene Coins: {text}"),
            Kind.COINS_TAKEN_BACK: _same("Ein Kauf wurde erstattet. Zurückgebuchte Coins: {text}"),
        },
    ),
    "es": Language(
        "{who} y 1 persona más",
        "{who} y {others} personas más",
        "Alguien",
        {
            Kind.FOLLOW: Forms("{who} ha empezado a seguirte.", "{who} han empezado a seguirte."),
            Kind.FOLLOW_REQUEST: Forms("{who} quiere seguirte.", "{who} quieren seguirte."),
            Kind.FOLLOW_ACCEPTED: Forms("{who} ha aceptado tu solicitud.", "{who} han aceptado tu solicitud."),
            Kind.MESSAGE: Forms("{who} te ha enviado un mensaje.", "{who} te han enviado mensajes."),
            Kind.LIVE: Forms("{who} está en directo: {text}", "{who} están en directo."),
            Kind.GIFT: Forms("{who} te ha enviado un regalo: {text}", "{who} te han enviado regalos."),
            Kind.VIDEO_LIKE: Forms("A {who} le gusta tu vídeo.", "A {who} les gusta tu vídeo."),
            Kind.VIDEO_COMMENT: Forms("{who} ha comentado: {text}", "{who} han comentado tu vídeo."),
            Kind.COMMENT_LIKE: Forms("A {who} le gusta tu comentario.", "A {who} les gusta tu comentario."),
            Kind.COMMENT_REPLY: Forms("{who} ha respondido: {text}", "{who} han respondido a tu comentario."),
            Kind.MENTION: Forms("{who} te ha mencionado: {text}", "{who} te han mencionado."),
            Kind.VIDEO_POST: Forms("{who} ha publicado un vídeo: {text}", "{who} han publicado vídeos."),
            Kind.VIDEO_FAILED: _same("No se ha podido convertir tu vídeo: {text}"),
            Kind.SINGLE: Forms("{who} te invita a un directo.", "{who} te invitan a un directo."),
            Kind.MULTIPLE: Forms(
                "{who} te invita a un directo con varios anfitriones.",
                "{who} te invitan a un directo con varios anfitriones.",
            ),
            Kind.REPORT_CLOSED: _same("Hemos revisado tu denuncia: {text}"),
            Kind.DECISION: _same("Nuestro equipo ha tomado una decisión: {text}"),
            Kind.APPEAL_CLOSED: _same("Hemos revisado tu recurso: {text}"),
            Kind.PAYOUT: _same("Tu pago: {text}"),
            Kind.COINS_CREDITED: _same("Tu compra se ha completado. Monedas añadidas: {text}"),
            Kind.COINS_TAKEN_BACK: _same("Se ha reembolsado una compra. Monedas retiradas: {text}"),
        },
    ),
    "fr": Language(
        "{who} et 1 autre personne",
        "{who} et {others} autres personnes",
        "Quelqu’un",
        {
            Kind.FOLLOW: Forms("{who} vous suit désormais.", "{who} vous suivent désormais."),
            Kind.FOLLOW_REQUEST: Forms("{who} souhaite vous suivre.", "{who} souhaitent vous suivre."),
            Kind.FOLLOW_ACCEPTED: Forms("{who} a accepté votre demande.", "{who} ont accepté votre demande."),
            Kind.MESSAGE: Forms("{who} vous a envoyé un message.", "{who} vous ont envoyé des messages."),
            Kind.LIVE: Forms("{who} est en direct : {text}", "{who} sont en direct."),
            Kind.GIFT: Forms("{who} vous a envoyé un cadeau : {text}", "{who} vous ont envoyé des cadeaux."),
            Kind.VIDEO_LIKE: Forms("{who} aime votre vidéo.", "{who} aiment votre vidéo."),
            Kind.VIDEO_COMMENT: Forms("{who} a commenté : {text}", "{who} ont commenté votre vidéo."),
            Kind.COMMENT_LIKE: Forms("{who} aime votre commentaire.", "{who} aiment votre commentaire."),
            Kind.COMMENT_REPLY: Forms("{who} a répondu : {text}", "{who} ont répondu à votre commentaire."),
            Kind.MENTION: Forms("{who} vous a mentionné : {text}", "{who} vous ont mentionné."),
            Kind.VIDEO_POST: Forms("{who} a publié une vidéo : {text}", "{who} ont publié des vidéos."),
            Kind.VIDEO_FAILED: _same("Votre vidéo n’a pas pu être convertie : {text}"),
            Kind.SINGLE: Forms("{who} vous invite dans un direct.", "{who} vous invitent dans un direct."),
            Kind.MULTIPLE: Forms(
                "{who} vous invite dans un direct à plusieurs.", "{who} vous invitent dans un direct à plusieurs."
            ),
            Kind.REPORT_CLOSED: _same("Nous avons examiné votre signalement : {text}"),
            Kind.DECISION: _same("Notre équipe a pris une décision : {text}"),
            Kind.APPEAL_CLOSED: _same("Nous avons examiné votre recours : {text}"),
            Kind.PAYOUT: _same("Votre versement : {text}"),
            Kind.COINS_CREDITED: _same("Votre achat est terminé. Pièces ajoutées : {text}"),
            Kind.COINS_TAKEN_BACK: _same("Un achat a été remboursé. Pièces retirées : {text}"),
        },
    ),
    "pt": Language(
        "{who} e mais 1 pessoa",
        "{who} e mais {others} pessoas",
        "Alguém",
        {
            Kind.FOLLOW: Forms("{who} começou a seguir você.", "{who} começaram a seguir você."),
            Kind.FOLLOW_REQUEST: Forms("{who} quer seguir você.", "{who} querem seguir você."),
            Kind.FOLLOW_ACCEPTED: Forms("{who} aceitou seu pedido.", "{who} aceitaram seu pedido."),
            Kind.MESSAGE: Forms("{who} enviou uma mensagem.", "{who} enviaram mensagens."),
            Kind.LIVE: Forms("{who} está ao vivo: {text}", "{who} estão ao vivo."),
            Kind.GIFT: Forms("{who} enviou um presente: {text}", "{who} enviaram presentes."),
            Kind.VIDEO_LIKE: Forms("{who} curtiu seu vídeo.", "{who} curtiram seu vídeo."),
            Kind.VIDEO_COMMENT: Forms("{who} comentou: {text}", "{who} comentaram seu vídeo."),
            Kind.COMMENT_LIKE: Forms("{who} curtiu seu comentário.", "{who} curtiram seu comentário."),
            Kind.COMMENT_REPLY: Forms("{who} respondeu: {text}", "{who} responderam ao seu comentário."),
            Kind.MENTION: Forms("{who} mencionou você: {text}", "{who} mencionaram você."),
            Kind.VIDEO_POST: Forms("{who} publicou um vídeo: {text}", "{who} publicaram vídeos."),
            Kind.VIDEO_FAILED: _same("Não foi possível converter seu vídeo: {text}"),
            Kind.SINGLE: Forms("{who} convida você para uma live.", "{who} convidam você para uma live."),
            Kind.MULTIPLE: Forms(
                "{who} convida você para uma live com vários anfitriões.",
                "{who} convidam você para uma live com vários anfitriões.",
            ),
            Kind.REPORT_CLOSED: _same("Analisamos sua denúncia: {text}"),
            Kind.DECISION: _same("Nossa equipe tomou uma decisão: {text}"),
            Kind.APPEAL_CLOSED: _same("Analisamos seu recurso: {text}"),
            Kind.PAYOUT: _same("Seu pagamento: {text}"),
            Kind.COINS_CREDITED: _same("Sua compra foi concluída. Moedas adicionadas: {text}"),
            Kind.COINS_TAKEN_BACK: _same("Uma compra foi reembolsada. Moedas retiradas: {text}"),
        },
    ),
}


def text_of(kind: Kind, name: str, language: str, *, text: str = "", others: int = 0) -> str:
    """What an entry or a group of entries says. `others`: users beside the named one. `language`: a tag such as
    `de-DE`, or empty."""
    chosen = LANGUAGES.get(language[:2].lower(), LANGUAGES[DEFAULT])
    who = plain(name)[:LONGEST_NAME] or chosen.someone
    forms = chosen.texts[kind]
    if others:
        return forms.many.format(who=(chosen.two if others == 1 else chosen.several).format(who=who, others=others))
    shown = plain(text)
    if not shown and "{text}" in forms.one:
        return _without_text(forms.one).format(who=who)
    return forms.one.format(who=who, text=shown)


def plain(text: str) -> str:
    """The text in one line, without control characters and characters that turn its direction."""
    return " ".join(
        "".join(
            " " if _breaks(one) else one for one in text if one in _JOINERS or unicodedata.category(one) != "Cf"
        ).split()
    )


def _breaks(one: str) -> bool:
    return unicodedata.category(one) in ("Cc", "Zl", "Zp", "Cs")


def _without_text(form: str) -> str:
    """`{who} is live now: {text}` → `{who} is live now.`"""
    return form.removesuffix("{text}").rstrip(" :\N{NO-BREAK SPACE}") + "."


class PushTexts:
    """Implements `Renderer`: the text of a push message in the language of its receiver."""

    def __init__(self, product_name: str, media_url: Callable[[str], str]) -> None:
        self._product_name = product_name
        self._media_url = media_url

    def render(self, kind: str, params: Mapping[str, str | int], language: str) -> Text:
        told = KIND_OF_PUSH[kind]
        name, text = str(params.get("name", "")), str(params.get("text", ""))
        others = int(params.get("others", 0))
        picture = str(params.get("picture", ""))
        title, body = self._product_name, text_of(told, name, language, text=text, others=others)
        if told is Kind.MESSAGE and text:
            title, body = plain(name)[:LONGEST_NAME] or title, plain(text)
        return Text(title, body, self._media_url(picture) if picture else "", _page(told, params))


def _page(kind: Kind, params: Mapping[str, str | int]) -> str:
    stream_id = params.get("live_streaming_id", 0)
    return f"/watch/{stream_id}" if kind is Kind.LIVE and stream_id else "/inbox"
