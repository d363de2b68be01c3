"""Switches for the things that go wrong on a real platform."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from .errors import UnknownSubject


class Fault(StrEnum):
    """What can be made to go wrong."""

    BUSY = "busy"
    LOST_ANSWER = "lost_answer"
    HANG = "hang"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105
    FREQUENCY = "frequency"
    EMPTY_PAGES = "empty_pages"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DELAY = "delay"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Described:
    """How a switch is shown; `amount` is its usual strength and `unit` what that counts.

    `times` is how often it usually strikes when switched on by hand; 0 is until switched off.
    """

    title: str
    text: str
    title_en: str
    text_en: str
    amount: float = 0
    unit: str = ""
    times: int = 0
    api: str = ""


CATALOGUE: dict[Fault, Described] = {
    Fault.BUSY: Described(
        "平台繁忙",
        "接口什么也不做，返回 -1。机器人应当稍后重试。",
        "Platform busy",
        "Calls do nothing and answer -1. The bot should try again later.",
        times=3,
    ),
    Fault.LOST_ANSWER: Described(
        "回执丢失",
        "消息其实已经发出，但连接在应答之前断开。机器人不可以让客户收到两遍。",
        "Lost answer",
        "The message is sent, but the connection drops before the answer. Never send twice.",
        api="kf/send_msg",
    ),
    Fault.HANG: Described(
        "迟迟不应答",
        "消息已经发出，但接口一直不返回，直到机器人自己超时。",
        "No answer",
        "The message is sent, but the call hangs until the bot gives up waiting.",
        api="kf/send_msg",
    ),
    Fault.EXPIRED_TOKEN: Described(
        "令牌提前失效",
        "access_token 被平台提前收回，返回 42001。机器人应当重新获取并重试一次。",
        "Token revoked",
        "The access token is withdrawn early (42001). The bot should fetch a new one once.",
        times=1,
    ),
    Fault.FREQUENCY: Described(
        "调用太频繁",
        "接口返回 45009。机器人应当等满一个窗口，不要硬闯。",
        "Frequency limit",
        "Calls answer 45009. The bot should wait a full window.",
        times=1,
    ),
    Fault.EMPTY_PAGES: Described(
        "空页",
        "拉取消息时先给几页空的，同时说“后面还有”。机器人应当继续往下翻。",
        "Empty pages",
        "Reading messages yields empty pages that say 'more to come'. Keep paging.",
        amount=2,
        unit="页",
    ),
    Fault.DUPLICATE: Described(
        "重复推送",
        "同一个通知推送多次。机器人只应处理一次。",
        "Duplicate callbacks",
        "One notice is pushed several times. It should count once.",
        amount=6,
        unit="份",
    ),
    Fault.REORDER: Described(
        "乱序推送",
        "先到的通知被扣下，等下一条送达之后才送出。",
        "Reordered callbacks",
        "A notice is held back until the next one has been delivered.",
        amount=8,
        unit="秒内",
    ),
    Fault.DELAY: Described(
        "推送延迟",
        "通知晚几秒才送到。",
        "Delayed callbacks",
        "Notices arrive a few seconds late.",
        amount=5,
        unit="秒",
    ),
    Fault.DROP: Described(
        "推送丢失",
        "通知根本没有送到。机器人应当靠定时拉取补上。",
        "Dropped callbacks",
        "Notices never arrive. The bot should catch up by polling.",
    ),
}


@dataclass(frozen=True, slots=True)
class Switch:
    """One fault's setting: for the next `times` occasions (None: until switched off)."""

    fault: Fault
    times: int | None = None
    rate: float = 1.0
    amount: float = 0
    api: str = ""


class Faults:
    """The switchboard. A rate is spread evenly rather than thrown, so runs repeat exactly."""

    def __init__(self) -> None:
        self._on: dict[Fault, Switch] = {}
        self._due: dict[Fault, float] = {}

    def set(
        self,
        fault: Fault | str,
        *,
        times: int | None = None,
        rate: float = 1.0,
        amount: float | None = None,
        api: str | None = None,
    ) -> Switch:
        """Switch on. `api` limits it to one endpoint, for example `kf/send_msg`."""
        kind = known_fault(fault)
        usual = CATALOGUE[kind]
        switch = Switch(
            kind,
            times if times is None else max(1, times),
            min(max(rate, 0.0), 1.0),
            usual.amount if amount is None else amount,
            usual.api if api is None else api,
        )
        self._on[kind] = switch
        self._due[kind] = 0.0
        return switch

    def clear(self, fault: Fault | str | None = None) -> None:
        """Switch one off, or all."""
        if fault is None:
            self._on.clear()
        else:
            self._on.pop(known_fault(fault), None)

    def active(self, fault: Fault) -> Switch | None:
        """The switch if it is on, without using it up."""
        return self._on.get(fault)

    def take(self, fault: Fault, api: str = "") -> Switch | None:
        """The switch if it strikes this time; counts the occasion."""
        switch = self._on.get(fault)
        if switch is None or (switch.api and api != switch.api):
            return None
        self._due[fault] += switch.rate
        if self._due[fault] < 1 - 1e-9:
            return None
        self._due[fault] -= 1
        self._use(switch)
        return switch

    def listing(self) -> list[dict[str, Any]]:
        """Every switch with its description, for the page."""
        return [_shown(fault, self._on.get(fault)) for fault in Fault]

    def _use(self, switch: Switch) -> None:
        if switch.times is None:
            return
        if switch.times <= 1:
            del self._on[switch.fault]
        else:
            self._on[switch.fault] = replace(switch, times=switch.times - 1)


def known_fault(name: Fault | str) -> Fault:
    """The fault of that name, or a refusal that lists the names."""
    try:
        return Fault(name)
    except ValueError as error:
        raise UnknownSubject(f"没有叫 {name} 的故障开关，可用：{', '.join(Fault)}") from error


def _shown(fault: Fault, switch: Switch | None) -> dict[str, Any]:
    usual = CATALOGUE[fault]
    return {
        "fault": fault.value,
        "title": {"zh": usual.title, "en": usual.title_en},
        "text": {"zh": usual.text, "en": usual.text_en},
        "unit": usual.unit,
        "on": switch is not None,
        "usual_times": usual.times or None,
        "times": switch.times if switch else None,
        "rate": switch.rate if switch else 1.0,
        "amount": switch.amount if switch else usual.amount,
        "api": switch.api if switch else usual.api,
    }
