"""Checks that an SVG is a picture and nothing else: no scripts, no other files, no references to other servers. Browsers
run none of them in an `<img>`, but apps have decoders of their own."""

from __future__ import annotations

import re
from xml.parsers import expat

from control_plane.pictures.model import PictureRefused

_SVG = "http://www.w3.org/2000/svg"
_XML_EVENTS = "http://www.w3.org/2001/xml-events"
_ELEMENTS = {
    *("svg", "g", "defs", "symbol", "use", "title", "desc", "metadata", "style", "switch", "view"),
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "textPath", "image"),
    *("linearGradient", "radialGradient", "stop", "pattern", "clipPath", "mask", "marker", "filter"),
    *("animate", "animateTransform", "animateMotion", "mpath"),
}
_EDITORS = {
    "http://www.inkscape.org/namespaces/inkscape",
    "http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "http://creativecommons.org/ns#",
    "http://web.resource.org/cc/",
    "http://purl.org/dc/elements/1.1/",
}
"""Namespaces of what drawing programs write beside the picture."""
_EMBEDDED = re.compile(r"#|data:image/(png|jpeg|webp);base64,", re.IGNORECASE)
_ELSEWHERE = re.compile(r"""url\(\s*["']?\s*(?!#|["'\s])|@import|javascript:|expression\(|\\""", re.IGNORECASE)
"""In a style or an attribute: a file that is not in the picture; a backslash could hide one."""


def check_svg(content: bytes) -> None:
    """Raises PictureRefused."""
    _Check().run(content)


class _Check:
    def __init__(self) -> None:
        self._is_root = True
        self._in_style = False
        self._texts: list[str] = []
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.StartElementHandler = self._element
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._texts.append  # in pieces, which could split a word
        self._parser.StartDoctypeDeclHandler = self._other
        self._parser.ProcessingInstructionHandler = self._other

    def run(self, content: bytes) -> None:
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            raise PictureRefused(f"This is not a valid SVG: {expat.ErrorString(error.code)}.") from None
        self._text("".join(self._texts))

    def _element(self, tag: str, attributes: dict[str, str]) -> None:
        namespace, _, name = tag.rpartition(" ")
        if self._is_root and (namespace, name) != (_SVG, "svg"):
            raise PictureRefused("This is not an SVG.")
        self._is_root = False
        if self._in_style:  # it would split a word of the style
            raise PictureRefused("The SVG has an element in a style.")
        self._in_style = name == "style"
        known = name in _ELEMENTS or name.startswith("fe") if namespace == _SVG else namespace in _EDITORS
        if not known:
            raise PictureRefused(f"The SVG has an element that is not a part of a picture: {name}.")
        for key, value in attributes.items():
            of, _, attribute = key.rpartition(" ")
            if attribute.lower().startswith("on") or of == _XML_EVENTS:
                raise PictureRefused(f"The SVG has a script: {attribute}.")
            if attribute in ("href", "src") and not _EMBEDDED.match(value.strip()):
                raise PictureRefused("The SVG refers to another file.")
            if attribute == "attributeName" and value.strip().rpartition(":")[2].lower() == "href":
                raise PictureRefused("The SVG refers to another file.")
            self._text(value)

    def _end(self, _: str) -> None:
        self._in_style = False

    def _text(self, text: str) -> None:
        if _ELSEWHERE.search(text):
            raise PictureRefused("The SVG refers to another file.")

    def _other(self, *_: object) -> None:
        raise PictureRefused("The SVG has a document type or a processing instruction.")
