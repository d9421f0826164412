"""Pictures of operators: what is kept as it is, and what is refused."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from control_plane.pictures.artwork import LARGEST_ARTWORK, read_artwork
from control_plane.pictures.model import PictureRefused
from control_plane.pictures.pictures import Pictures
from control_plane.pictures.svg import check_svg
from tests.control_plane.pictures.samples import quarters, saved

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">{}</svg>'


def test_the_gifts_that_come_with_the_server_pass() -> None:
    shipped = list(resources.files("control_plane.gifts").joinpath("artwork").iterdir())
    assert len(shipped) > 10
    for file in shipped:
        check_svg(file.read_bytes())


@pytest.mark.parametrize(
    "inside",
    [
        "",
        '<defs><linearGradient id="a"/></defs><rect fill="url(#a)" style="fill:url( \'#a\' )" width="9" height="9"/>',
        '<style>.a { fill: red; clip-path: url("#c"); }</style><use href="#a"/><use xlink:href="#b"/>',
        '<image href="data:image/png;base64,AAAA"/><filter><feGaussianBlur stdDeviation="1"/></filter>',
        '<circle r="1"><animate attributeName="r" to="9" dur="1s"/></circle>',
        '<metadata><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></metadata><!-- drawn by hand -->',
    ],
)
def test_pictures_pass(inside: str) -> None:
    check_svg(SVG.format(inside).encode())
    check_svg(b"\xef\xbb\xbf" + SVG.format(inside).encode())


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        '<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>',
        '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>',
        '<rect onclick="alert(1)"/>',
        '<rect ONLOAD="alert(1)"/>',
        '<a href="https://example.com/"><rect/></a>',
        '<use href="https://example.com/a.svg#a"/>',
        '<use xlink:href=" //example.com/a.svg#a"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>',
        '<image href="file:///etc/passwd"/>',
        '<rect fill="url(https://example.com/a.svg#a)"/>',
        "<rect style=\"fill:url( '//example.com/a')\"/>",
        '<style>@import "https://example.com/a.css";</style>',
        f'<style>/*{"x" * 10_000}*/@im&#112;ort "https://example.com/a.css";</style>',
        "<style>a { fill: ur<g/>l(https://example.com/a) }</style>",
        "<style>rect { fill: u\\72l(https://example.com/a) }</style>",
        "<style>rect { fill: <![CDATA[url(https://example.com/a)]]> }</style>",
        '<use id="a"><set attributeName="href" to="#x"/></use>',
        '<use><animate attributeName="xlink:href" values="javascript:alert(1)"/></use>',
        "<rect",
        "<?xml-stylesheet href='https://example.com/a.css'?>",
    ],
)
def test_what_is_more_than_a_picture_is_refused(inside: str) -> None:
    with pytest.raises(PictureRefused):
        check_svg(SVG.format(inside).encode())


@pytest.mark.parametrize(
    "content",
    [
        b"<html xmlns='http://www.w3.org/1999/xhtml'/>",
        b"<svg/>",
        b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + SVG.format("").encode(),
        b'<!DOCTYPE svg SYSTEM "file:///etc/passwd">' + SVG.format("").encode(),
        SVG.format("<script/>").encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?>' + SVG.format("<script/>").encode(),
    ],
)
def test_other_documents_are_refused(content: bytes) -> None:
    with pytest.raises(PictureRefused):
        check_svg(content)


async def test_pictures_are_kept_as_they_are(tmp_path: Path) -> None:
    file, pictures = tmp_path / "picture.txt", Pictures()
    for content, extension in (
        (SVG.format("").encode(), "svg"),
        (saved(quarters(), "PNG"), "png"),
        (saved(quarters(), "WEBP"), "webp"),
    ):
        file.write_bytes(content)
        assert await read_artwork(file, pictures) == (content, extension)


async def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    file, pictures = tmp_path / "picture.png", Pictures()
    png = saved(quarters(), "PNG")
    for content in (
        b"",
        b"hello",
        saved(quarters(), "JPEG"),
        png[:60],
        b"<" * (LARGEST_ARTWORK + 1),
        png[:8] + b"x" * 99,
    ):
        file.write_bytes(content)
        with pytest.raises(PictureRefused):
            await read_artwork(file, pictures)
    with pytest.raises(PictureRefused, match="cannot be read: No such file"):
        await read_artwork(tmp_path / "missing", pictures)
