"""Whatever is printed can be scanned."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageDraw

from bot.customers import qr_poster
from bot.customers.qr_poster import Poster
from bot.errors import BotError, SettingsError, Unprocessable

CONTENT = "https://work.weixin.qq.com/ca/cawcde0123456789?customer_channel=ch0123456789abcd"


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    image = Image.new("RGBA", (400, 300), (230, 80, 60, 255))
    ImageDraw.Draw(image).ellipse([50, 50, 250, 250], fill=(255, 255, 255, 255))
    path = tmp_path / "logo.png"
    image.save(path)
    return path


@pytest.fixture
def poster(logo: Path) -> Poster:
    return Poster(CONTENT, ("暖屿生活馆", "扫码加导购，先领新人券"), logo)


def test_a_png_with_logo_and_caption_is_read(poster: Poster) -> None:
    picture = qr_poster.png(poster)
    assert qr_poster.read_code(picture) == CONTENT
    with Image.open(io.BytesIO(picture)) as image:
        assert image.size == (qr_poster.SIDE, poster.height)
        below = image.crop((0, qr_poster.SIDE - 40, qr_poster.SIDE, poster.height)).convert("L")
        assert below.getextrema()[0] < 80


def test_a_small_print_is_read_still(poster: Poster) -> None:
    with Image.open(io.BytesIO(qr_poster.png(poster))) as image:
        small = image.resize((image.width // 3, image.height // 3))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=60)
    assert qr_poster.read_code(out.getvalue()) == CONTENT


def test_the_svg_draws_the_same_code(poster: Poster) -> None:
    tree = ElementTree.fromstring(qr_poster.svg(poster))
    name = "{http://www.w3.org/2000/svg}"
    assert [text.text for text in tree.iter(f"{name}text")] == list(poster.lines)
    [path] = tree.iter(f"{name}path")
    runs = re.findall(r"M(\d+) (\d+)h(\d+)", path.get("d", ""))
    size = max(int(x) + int(length) for x, _, length in runs)
    image = Image.new("L", (size + 8, size + 8), 255)
    brush = ImageDraw.Draw(image)
    for x, y, length in runs:
        left, top = int(x) + 4, int(y) + 4
        brush.rectangle([left, top, left + int(length) - 1, top], fill=0)
    out = io.BytesIO()
    image.resize((image.width * 8, image.height * 8), Image.Resampling.NEAREST).save(out, "PNG")
    assert qr_poster.read_code(out.getvalue()) == CONTENT


def test_words_in_an_svg_are_no_markup(logo: Path) -> None:
    drawn = qr_poster.svg(Poster(CONTENT, ("<script>&",), logo)).decode()
    assert "<script>" not in drawn
    assert "&lt;script&gt;&amp;" in drawn


def test_the_sheet_has_pages_of_six(poster: Poster) -> None:
    sheet = qr_poster.pdf([poster], copies=7)
    assert sheet.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", sheet)) == 2
    start = sheet.index(b"\xff\xd8\xff")
    assert qr_poster.read_code(sheet[start : sheet.index(b"endstream", start)]) == CONTENT


def test_too_many_copies_are_refused(poster: Poster) -> None:
    with pytest.raises(Unprocessable, match="120"):
        qr_poster.pdf([poster], copies=121)


def test_a_logo_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "logo.png"
    path.write_text("no picture")
    with pytest.raises(SettingsError, match=r"logo\.png"):
        qr_poster.png(Poster(CONTENT, (), path))


def test_a_missing_font_says_what_to_do(poster: Poster, tmp_path: Path) -> None:
    with pytest.raises(BotError, match="poster_font"):
        qr_poster.png(Poster(CONTENT, ("店",), None, tmp_path / "none.ttf"))


@pytest.mark.parametrize("picture", [b"", b"<html>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_code_reads_as_nothing(picture: bytes) -> None:
    assert qr_poster.read_code(picture) is None
