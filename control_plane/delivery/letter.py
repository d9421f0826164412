"""A short message in the forms in which it is sent: plain text for text messages, and HTML with the product's name for
mail."""

from __future__ import annotations

from html import escape

from control_plane.delivery.messenger import Message

_PAGE = """\
<!doctype html>
<html lang="en"><body style="margin:0;padding:24px;font-family:Helvetica,Arial,sans-serif;color:#1a1a1a;background:#f4f4f5">
<div style="max-width:480px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
<p style="margin:0 0 16px;font-weight:bold">{product}</p>
{content}
</div></body></html>
"""
_CODE = '<p style="margin:16px 0;font-size:32px;letter-spacing:6px;font-weight:bold">{}</p>'
_PARAGRAPH = '<p style="margin:16px 0;line-height:1.5">{}</p>'


def letter(product_name: str, subject: str, *sentences: str, code: str = "") -> Message:
    """`sentences`: each is a paragraph of the mail. The subject says what it is about, with the code if there is one."""
    content = [_CODE.format(escape(code))] if code else []
    content += [_PARAGRAPH.format(escape(sentence)) for sentence in sentences]
    return Message(
        subject=subject,
        text=" ".join((f"{subject}.", *sentences)),
        html=_PAGE.format(product=escape(product_name), content="\n".join(content)),
    )
