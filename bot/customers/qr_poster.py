"""Printable codes: a QR code with logo and caption as PNG, SVG or a PDF sheet to cut."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import SettingsError, Unprocessable

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SIDE = 900  # pixels of a poster's width; also its units in SVG
_MARGIN = 60
_CODE = SIDE - 2 * _MARGIN
_LOGO = _CODE // 5
_PLATE = _LOGO + 24
_FONT = 46
_LINE = 66
_A4 = (2480, 3508)  # 300 dots an inch
_COLUMNS, _ROWS = 2, 3
_MOST_COPIES = 120
_INSTALL = "生成海报需要另外安装：pip install 'wecom-assistant[poster]'"
_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/STHeiti Medium.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)


@dataclass(frozen=True, slots=True)
class Poster:
    """What is drawn: `content` is inside the code, `lines` stand below it."""

    content: str
    lines: tuple[str, ...] = ()
    logo: Path | None = None
    font: Path | None = None

    @property
    def height(self) -> int:
        return SIDE + (len(self.lines) * _LINE + _MARGIN // 2 if self.lines else 0)


def read_code(picture: bytes) -> str | None:
    """The text inside a picture of a QR code; None when it holds none that can be read."""
    try:
        import zxingcpp
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return None
    try:
        with Image.open(io.BytesIO(picture)) as image:
            found: Any = zxingcpp.read_barcode(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError):
        return None
    return str(found.text) if found and found.text else None


def png(poster: Poster) -> bytes:
    """The poster as a picture."""
    out = io.BytesIO()
    _draw(poster).save(out, "PNG", optimize=True)
    return out.getvalue()


def svg(poster: Poster) -> bytes:
    """The poster in lines, sharp at any size; its letters are those of whoever shows it."""
    code = _code(poster.content)
    path, size = _path(code)
    scale = _CODE / size
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {poster.height}" '
            f'width="{SIDE}" height="{poster.height}">'
        ),
        '<rect width="100%" height="100%" fill="#fff"/>',
        (
            f'<path transform="translate({_MARGIN} {_MARGIN}) scale({scale:.4f})" '
            f'fill="#1c1c1e" d="{path}"/>'
        ),
    ]
    parts += _svg_logo(poster.logo) if poster.logo else []
    for number, line in enumerate(poster.lines):
        y = SIDE + number * _LINE + _FONT // 2
        parts.append(
            f'<text x="{SIDE // 2}" y="{y}" font-size="{_FONT}" text-anchor="middle" '
            'font-family="Noto Sans CJK SC, PingFang SC, Microsoft YaHei, sans-serif" '
            f'fill="#1c1c1e">{escape(line)}</text>'
        )
    return ("".join(parts) + "</svg>").encode()


def pdf(posters: Sequence[Poster], *, copies: int = 6) -> bytes:
    """A4 pages of six posters each, with grey lines to cut along."""
    if not 1 <= copies <= _MOST_COPIES:
        raise Unprocessable(f"一次最多打印 {_MOST_COPIES} 张")
    drawn = [_draw(poster) for poster in posters]
    wanted = [image for image in drawn for _ in range(copies)]
    a_page = _COLUMNS * _ROWS
    pages = [_page(wanted[start : start + a_page]) for start in range(0, len(wanted), a_page)]
    out = io.BytesIO()
    pages[0].save(out, "PDF", resolution=300.0, save_all=True, append_images=pages[1:])
    return out.getvalue()


def _code(content: str) -> Any:
    try:
        import segno
    except ImportError:
        raise SettingsError(_INSTALL) from None
    # A logo covers the middle: the highest correction level gives it back.
    return segno.make(content, error="h", micro=False, boost_error=False)


def _path(code: Any) -> tuple[str, int]:
    """Dark runs of each row as one path, in modules."""
    steps = []
    rows = list(code.matrix_iter(scale=1, border=0))
    for y, row in enumerate(rows):
        x, bits = 0, [bool(bit) for bit in row]
        while x < len(bits):
            length = 1
            while x + length < len(bits) and bits[x + length] == bits[x]:
                length += 1
            if bits[x]:
                steps.append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    return "".join(steps), len(rows)


def _draw(poster: Poster) -> Image:
    code = _code(poster.content)
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        raise SettingsError(_INSTALL) from None
    image = Image.new("RGB", (SIDE, poster.height), "white")
    modules = len(list(code.matrix_iter(scale=1, border=0)))
    scale = _CODE // modules
    raw = io.BytesIO()
    code.save(raw, kind="png", scale=scale, border=0, dark="#1c1c1e")
    with Image.open(raw) as drawn:
        place = (SIDE - drawn.width) // 2
        image.paste(drawn.convert("RGB"), (place, place))
    if poster.logo:
        _paste_logo(image, poster.logo)
    if poster.lines:
        brush, font = ImageDraw.Draw(image), _font(poster.font)
        for number, line in enumerate(poster.lines):
            y = SIDE + number * _LINE
            brush.text((SIDE // 2, y), line, font=font, fill="#1c1c1e", anchor="mm")
    return image


def _paste_logo(image: Image, source: Path) -> None:
    from PIL import Image, ImageDraw

    middle = SIDE // 2
    plate = [
        middle - _PLATE // 2,
        middle - _PLATE // 2,
        middle + _PLATE // 2,
        middle + _PLATE // 2,
    ]
    ImageDraw.Draw(image).rounded_rectangle(plate, radius=24, fill="white")
    with _opened(source) as logo:
        shown = logo.convert("RGBA")
        shown.thumbnail((_LOGO, _LOGO), Image.Resampling.LANCZOS)
        place = (middle - shown.width // 2, middle - shown.height // 2)
        image.paste(shown, place, shown)


def _opened(source: Path) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(source)
    except (OSError, UnidentifiedImageError):
        raise SettingsError(f"标志图片打不开：{source}；请用 PNG 或 JPG") from None


def _svg_logo(source: Path) -> list[str]:
    out = io.BytesIO()
    with _opened(source) as logo:
        shown = logo.convert("RGBA")
        shown.thumbnail((_LOGO * 2, _LOGO * 2))
        shown.save(out, "PNG")
    data = base64.b64encode(out.getvalue()).decode()
    corner, plate = (SIDE - _LOGO) // 2, (SIDE - _PLATE) // 2
    return [
        f'<rect x="{plate}" y="{plate}" width="{_PLATE}" height="{_PLATE}" rx="24" fill="#fff"/>',
        (
            f'<image x="{corner}" y="{corner}" width="{_LOGO}" height="{_LOGO}" '
            f'href="data:image/png;base64,{data}"/>'
        ),
    ]


def _page(images: Sequence[Image]) -> Image:
    from PIL import Image, ImageDraw

    page = Image.new("RGB", _A4, "white")
    brush = ImageDraw.Draw(page)
    width, height = _A4[0] // _COLUMNS, _A4[1] // _ROWS
    for number, image in enumerate(images):
        left, top = number % _COLUMNS * width, number // _COLUMNS * height
        brush.rectangle([left, top, left + width, top + height], outline="#cccccc", width=2)
        shown = image.copy()
        shown.thumbnail((width - 120, height - 120))
        page.paste(shown, (left + (width - shown.width) // 2, top + (height - shown.height) // 2))
    return page


def _font(chosen: Path | None) -> FreeTypeFont:
    from PIL import ImageFont

    for candidate in (chosen,) if chosen else _FONTS:
        try:
            return ImageFont.truetype(str(candidate), _FONT)
        except OSError:
            continue
    raise SettingsError(
        "没有找到能写中文的字体：请安装 Noto Sans CJK（Debian：fonts-noto-cjk），"
        "或在 greetings.poster_font 填字体文件；SVG 格式不需要字体"
    )
