"""What a well-shaped script can still have wrong: unknown words, limits, assets, duplicates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .errors import Finding, TemplateError
from .faults import suggestion
from .model import FilePart, ImagePart, LinkPart, MiniProgramPart, Occasion, Part, Script, TextPart
from .variables import STANDARD_VARIABLES, parse_template

TEXT_BYTES = 2048
LINK_TITLE_BYTES = 128
LINK_DESC_BYTES = 512
URL_BYTES = 2048
MINI_PROGRAM_TITLE_BYTES = 64
IMAGE_BYTES = 10 * 1024 * 1024
FILE_BYTES = 20 * 1024 * 1024
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words a script may use; None means that any word is accepted."""

    intents: Collection[str] | None = None
    stages: Collection[str] | None = None
    variables: Collection[str] = ()


def check_script(
    script: Script, vocabulary: Vocabulary, *, assets: Path | None = None
) -> Iterator[Finding]:
    """Everything wrong with one script; `assets` is the folder of its images and files."""
    yield from _unknown_words("intents", "意图", script.intents, vocabulary.intents)
    yield from _unknown_words("stages", "阶段", script.stages, vocabulary.stages)
    if script.occasion is Occasion.REPLY and not script.intents:
        mend = "写上 intents，或把 occasion 改成 unclear"
        yield Finding(("occasion",), "回复客户的话术没有意图，永远不会被选中", mend)
    known = {*STANDARD_VARIABLES, *vocabulary.variables, *script.variables}
    for position, part in enumerate(script.parts):
        for path, value, limit in templates_of(part):
            yield from _check_template(("parts", position, *path), value, limit, known)
        yield from _check_address(("parts", position), part)
        yield from _check_assets(("parts", position), part, assets)


def templates_of(part: Part) -> Iterator[tuple[Place, str, int]]:
    """The fields of a part that may hold variables: path, text, limit in UTF-8 bytes."""
    match part:
        case TextPart(text):
            yield ("text",), text, TEXT_BYTES
        case LinkPart(title, url, desc):
            yield ("link", "title"), title, LINK_TITLE_BYTES
            yield ("link", "url"), url, URL_BYTES
            if desc is not None:
                yield ("link", "desc"), desc, LINK_DESC_BYTES
        case MiniProgramPart(_, title, page):
            yield ("miniprogram", "title"), title, MINI_PROGRAM_TITLE_BYTES
            yield ("miniprogram", "page"), page, URL_BYTES


def required_variables(script: Script) -> frozenset[str]:
    """Variables without which the script must not be sent."""
    return frozenset(
        name
        for part in script.parts
        for _, text, _ in templates_of(part)
        for name in parse_template(text).required
    )


def duplicate_texts(scripts: Iterable[Script]) -> Iterator[tuple[Script, Script]]:
    """Pairs (first, repeated) of scripts that would send exactly the same."""
    holders: dict[str, list[Script]] = defaultdict(list)
    for script in scripts:
        content = repr(script.parts)
        if holders[content]:
            yield holders[content][0], script
        holders[content].append(script)


def _unknown_words(
    key: str, label: str, words: tuple[str, ...], known: Collection[str] | None
) -> Iterator[Finding]:
    for position, word in enumerate(words):
        if known is not None and word not in known:
            yield Finding((key, position), f"不认识的{label}「{word}」", suggestion(word, known))


def _check_template(path: Place, text: str, limit: int, known: set[str]) -> Iterator[Finding]:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > limit:
        fault = f"「{path[-1]}」有 {size} 字节，超过企业微信的 {limit} 字节"
        yield Finding(path, fault, f"缩短到 {limit} 字节以内（一个汉字 3 字节），或分成两段")
    if "\t" in text:
        yield Finding(path, "文字里有制表符（Tab）", "改成空格")
    if _CONTROLS.search(text) or any("\ud800" <= character <= "\udfff" for character in text):
        yield Finding(path, "文字里有不可见的控制字符", "删掉后重新输入")
    try:
        template = parse_template(text)
    except TemplateError as error:
        yield Finding(path, f"第 {error.position + 1} 个字处{error.fault}", error.mend)
        return
    for name in sorted(template.required - known):
        mend = f"写成 {{{name}|备用文字}}，或在 variables 里说明它"
        yield Finding(path, f"不认识的变量「{name}」", f"{suggestion(name, known)}；也可以{mend}")


def _check_address(path: Place, part: Part) -> Iterator[Finding]:
    if isinstance(part, LinkPart) and not part.url.startswith(("https://", "http://", "{")):
        yield Finding((*path, "link", "url"), "链接不是网址", "写成 https:// 开头的完整网址")
    if isinstance(part, MiniProgramPart):
        page = part.page.partition("?")[0]
        if not page.endswith(".html"):
            mend = "在页面路径后加 .html，例如 pages/index.html"
            yield Finding((*path, "miniprogram", "page"), "小程序页面要以 .html 结尾", mend)
        if not part.appid.startswith("wx"):
            mend = "在小程序后台「开发设置」里复制 AppID"
            yield Finding((*path, "miniprogram", "appid"), "小程序的 AppID 要以 wx 开头", mend)


def _check_assets(path: Place, part: Part, folder: Path | None) -> Iterator[Finding]:
    match part:
        case ImagePart(source):
            yield from _check_image((*path, "image"), source, folder)
        case LinkPart(image=str(source)):
            yield from _check_image((*path, "link", "image"), source, folder)
        case MiniProgramPart(image=str(source)):
            yield from _check_image((*path, "miniprogram", "image"), source, folder)
        case FilePart(source):
            yield from _check_file((*path, "file"), source, folder, FILE_BYTES)


def _check_image(path: Place, source: str, folder: Path | None) -> Iterator[Finding]:
    if source.startswith("https://"):
        return
    if "://" in source:
        yield Finding(path, "图片网址不是 https", "换成 https:// 开头的网址，或放进 assets 文件夹")
    elif not source.lower().endswith(IMAGE_SUFFIXES):
        yield Finding(path, f"图片「{source}」不是 png 或 jpg", "另存为 png 或 jpg")
    else:
        yield from _check_file(path, source, folder, IMAGE_BYTES)


def _check_file(path: Place, source: str, folder: Path | None, limit: int) -> Iterator[Finding]:
    if source.startswith("/") or "\\" in source or ".." in source.split("/"):
        mend = "写相对于话术目录的路径，例如 assets/size-chart.png"
        yield Finding(path, f"文件路径「{source}」走出了话术目录", mend)
        return
    if folder is None:
        return
    target = folder / source
    if not target.is_file() or not target.resolve().is_relative_to(folder.resolve()):
        yield Finding(path, f"找不到文件「{source}」", f"把文件放到 {Path(folder.name) / source}")
    elif not 5 < target.stat().st_size <= limit:
        yield Finding(path, f"文件「{source}」是空的或太大", f"换成 {limit >> 20} MB 以内的文件")
