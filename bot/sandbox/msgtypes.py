"""Kinds of messages by name."""

from __future__ import annotations

MSGTYPES: dict[str, tuple[str, str]] = {
    "text": ("文本", "text"),
    "image": ("图片", "picture"),
    "voice": ("语音", "voice"),
    "video": ("视频", "video"),
    "file": ("文件", "file"),
    "link": ("图文链接", "link"),
    "miniprogram": ("小程序", "mini-program"),
    "msgmenu": ("菜单", "menu"),
    "location": ("位置", "location"),
    "ca_link": ("获客链接", "acquisition link"),
    "textcard": ("文本卡片", "text card"),
    "template_card": ("模板卡片", "template card"),
}
