"""Reasons in English: what chooser and policy say in Chinese, sentence by sentence.

The rooms that decide speak Chinese, and their words are stored with each decision; this is
where they are told again. A sentence without a pattern here is shown as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ENGLISH: tuple[tuple[str, str], ...] = (
    # why a script is looked at
    (r"意图匹配：(?P<label>.+) \((.+)\)", "Intent: {label} ({1})"),
    (r"同时在问：(?P<label>.+) \((.+)\)", "Also asks: {label} ({1})"),
    (r"也可能是：(?P<label>.+) \((.+)\)", "Perhaps: {label} ({1})"),
    (r"没有把握听懂，先请客户说明", "Not sure what was meant: ask first"),
    (r"把握不大，也可以先问清楚", "Not very sure: asking first is possible"),
    (r"没有对应的话术，先接住客户", "No script for this: keep the customer company"),
    (r"场合匹配：(.+)", "Occasion: {0}"),
    (r"不在有效期（(.+) 至 (.+)）", "Not in its season ({0} to {1})"),
    (r"缺少变量：(.+)", "Missing variables: {0}"),
    # how it fits
    (r"阶段匹配：(?P<label>.+)", "Stage: {label}"),
    (r"相邻阶段：(?P<labels>.+)", "Neighbouring stage: {labels}"),
    (r"阶段不同：用于(?P<labels>.+)，请留意语气", "Written for {labels}: mind the tone"),
    (r"客户标签匹配：(.+)", "Customer tag: {0}"),
    (r"写给(.+)来的客户，降权", "Written for customers from {0}, lowered"),
    (r"写给(.+)客户，降权", "Written for customers tagged {0}, lowered"),
    (r"渠道匹配：(.+)", "Channel: {0}"),
    (r"语气匹配：(.+)", "Tone: {0}"),
    (r"只适合(.+)，还不知道客户问的商品，降权", "Only for {0}, product unknown, lowered"),
    (r"商品匹配：(.+)", "Product: {0}"),
    (r"商品不同：用于(.+)，降权", "For another product: {0}, lowered"),
    (r"近 (\d+) 天发过，降权", "Sent within {0} days, lowered"),
    (
        r"历史采纳率 (\S+)（(\d+) 次），客户回复率 (\S+)",
        "Accepted {0} of {1} times, answered {2}",
    ),
    (r"历史采纳率 (\S+)（(\d+) 次）", "Accepted {0} of {1} times"),
    (r"新话术（用过 (\d+) 次），稍加权以便比较", "New script (used {0} times), raised to compare"),
    (r"运营加权 ×(\S+)", "Raised by the operator ×{0}"),
    (r"运营降权 ×(\S+)", "Lowered by the operator ×{0}"),
    # why it waits for a guide, or does not
    (r"符合自动回复规则", "Within the rules for automatic replies"),
    (r"客户要求转人工", "The customer asks for a person"),
    (r"客户投诉或不满", "The customer complains"),
    (r"「(?P<label>.+)」类消息需要人工处理", "“{label}” is left to people"),
    (r"等待导购确认", "Waiting for a guide"),
    (
        r"会话已转人工，恢复前不自动回复",
        "Taken over by a person: no automatic replies until handed back",
    ),
    (r"客户已退订，不自动回复", "The customer opted out: no automatic reply"),
    (r"消息已超过 (\d+) 分钟，请人工确认", "The message is over {0} minutes old: please confirm"),
    (r"该意图不在自动回复名单内", "This intent is not answered automatically"),
    (r"把握 (\S+)，未到 (\S+)", "Sure to {0}, less than {1}"),
    (r"没有允许自动发送的话术", "No script that may be sent automatically"),
    (r"客户同时问了需要人工回答的事", "Also asks something that people answer"),
    (r"客户消息含敏感词", "The message holds a sensitive word"),
    (r"回复含敏感词", "The reply holds a sensitive word"),
    (r"接待人员已在企业微信中回复", "Answered in WeCom already"),
)
_PATTERNS = tuple((re.compile(zh), en) for zh, en in _ENGLISH)


def reason_in_english(reason: str, labels: Mapping[str, str]) -> str:
    """The English sentence; `labels` turns Chinese labels of intents and stages into English."""
    for pattern, english in _PATTERNS:
        if match := pattern.fullmatch(reason):
            named = {name: _labels(text, labels) for name, text in match.groupdict().items()}
            return english.format(*match.groups(), **named)
    return reason


def _labels(text: str, labels: Mapping[str, str]) -> str:
    return ", ".join(labels.get(one, one) for one in text.split("、"))
