"""Why a touch was skipped or moved: one name a reason, and how to say it to an operator."""

from __future__ import annotations

from enum import StrEnum


class Rule(StrEnum):
    OPTED_OUT = "opted_out"
    UNFRIENDED = "unfriended"
    REPLIED = "exit_replied"
    BOUGHT = "exit_bought"
    STAGE_MOVED = "exit_stage_moved"
    TAG_REMOVED = "exit_tag_removed"
    FINISHED = "finished"
    CONDITION = "condition"
    SIGNAL_MISSING = "signal_missing"
    NO_CONTENT = "no_content"
    STEP_REMOVED = "step_removed"
    JOURNEY_REMOVED = "journey_removed"
    OVERTAKEN = "overtaken"
    MISSED = "missed"
    MERGED = "merged"
    CAUGHT_UP = "caught_up"
    TOO_LATE = "too_late"
    QUIET_HOURS = "quiet_hours"
    TIME_WINDOW = "time_window"
    DAY_KIND = "day_kind"
    SILENT_DAY = "silent_day"
    PRIORITY = "priority"
    GAP = "gap"
    FATIGUE_DAY = "fatigue_day"
    FATIGUE_WEEK = "fatigue_week"
    KF_CLOSED = "kf_closed"
    KF_FULL = "kf_full"
    MASS_QUOTA = "mass_quota"
    MOMENT_DAY = "moment_day"
    MOMENT_MONTH = "moment_month"
    MOMENT_TASKS = "moment_tasks"
    GUIDE_FULL = "guide_full"
    NO_GUIDE = "no_guide"

    @property
    def zh(self) -> str:
        """The reason in Chinese, a clause without a full stop."""
        return _WORDING[self]

    @property
    def ends_journey(self) -> bool:
        """Whether the customer leaves the journey for this reason."""
        return self in _EXITS


_WORDING = {
    Rule.OPTED_OUT: "客户已选择不再接收消息",
    Rule.UNFRIENDED: "客户已不是好友",
    Rule.REPLIED: "客户已回复，按退出条件结束",
    Rule.BOUGHT: "客户已购买，按退出条件结束",
    Rule.STAGE_MOVED: "客户阶段已变化，按退出条件结束",
    Rule.TAG_REMOVED: "客户标签已移除，按退出条件结束",
    Rule.FINISHED: "旅程已走完",
    Rule.CONDITION: "不符合这一步的条件",
    Rule.SIGNAL_MISSING: "等待的事件没有在期限内发生",
    Rule.NO_CONTENT: "这一步没有给这个客群写内容",
    Rule.STEP_REMOVED: "这一步已从旅程里删掉",
    Rule.JOURNEY_REMOVED: "旅程已删掉",
    Rule.OVERTAKEN: "改旅程时客户已走过这里，不补发",
    Rule.MISSED: "错过了时间（停机或计划太晚），这一步设为不补发",
    Rule.MERGED: "几步同时补发时只发最近的一步",
    Rule.CAUGHT_UP: "错过了时间，在允许的期限内补发",
    Rule.TOO_LATE: "在允许的推迟时间内没有合适的时段",
    Rule.QUIET_HOURS: "正值免打扰时段",
    Rule.TIME_WINDOW: "不在这一步的发送时段内",
    Rule.DAY_KIND: "不是这一步要求的工作日或休息日",
    Rule.SILENT_DAY: "当天是静默日",
    Rule.PRIORITY: "让给优先级更高的旅程",
    Rule.GAP: "离上一次触达太近",
    Rule.FATIGUE_DAY: "当天对这位客户的触达已满",
    Rule.FATIGUE_WEEK: "本周对这位客户的触达已满",
    Rule.KF_CLOSED: "客户 48 小时内没有发来客服消息",
    Rule.KF_FULL: "客服会话可主动发的条数已用完",
    Rule.MASS_QUOTA: "群发次数已满",
    Rule.MOMENT_DAY: "当天朋友圈已满",
    Rule.MOMENT_MONTH: "本月朋友圈已满",
    Rule.MOMENT_TASKS: "企业本月的朋友圈任务数已满",
    Rule.GUIDE_FULL: "导购当天的任务已满",
    Rule.NO_GUIDE: "没有可以跟进的导购",
}

_EXITS = frozenset(
    {
        Rule.OPTED_OUT,
        Rule.UNFRIENDED,
        Rule.REPLIED,
        Rule.BOUGHT,
        Rule.STAGE_MOVED,
        Rule.TAG_REMOVED,
        Rule.FINISHED,
    }
)
