"""Words of the results page, in Chinese and English."""

from __future__ import annotations

ZH_RESULTS: dict[str, str] = {
    "results.lead": "“回复”和“下单”算三天内的：记在这位客户最近收到的一次一对一或群发上；"
    "三天里没有收到过，才记在看到的最近一条朋友圈上。",
    "results.step": "步骤",
    "results.planned": "计划",
    "results.sent": "发出",
    "results.skipped": "没发",
    "results.reached": "看到",
    "results.liked": "赞",
    "results.commented": "评论",
    "results.replied": "回复",
    "results.bought": "下单",
    "results.why": "没发的：{what}",
    "results.why.one": "{why} {n}",
    "results.open": "还有 {n} 次待发或等导购确认",
    "results.failed": "{n} 次没有发成",
    "results.posts": "{n} 条",
    "results.range": "{low}–{high}",
    "results.range.said": "真实的比例有 95% 的把握在 {low} 到 {high} 之间",
    "results.none": "这段时间里，这个旅程还没有安排过触达。",
    "results.empty": "还没有可看的效果",
    "results.empty.lead": "旅程开启并发出之后，这里会有每一步谁看到、谁回复、谁下单。",
    "results.days": "近 {n} 天",
    "results.always": "全部",
    "results.since": "时间范围",
    "results.all": "合计",
    "results.ab": "两种说法比一比：{step}",
    "results.ab.several": "{n} 种说法比一比：{step}",
    "results.ab.lead": "粗线是真实比例最可能在的范围（95%），竖线是现在的比例。",
    "results.by": "按什么比",
    "results.by.replied": "看回复",
    "results.by.bought": "看下单",
    "results.rate": "{rate}（{low}–{high}）",
    "results.of.replied": "{sent} 人里 {good} 人回复",
    "results.of.bought": "{sent} 人里 {good} 人下单",
    "results.what.replied": "回复率",
    "results.what.bought": "下单率",
    "results.winner": "“{best}”比“{other}”的{what}高约 {low}–{high} 个百分点，"
    "可以全部改用“{best}”。",
    "results.wait": "还看不出差别：现在多出的 {lead} 个百分点可能只是碰巧。"
    "照现在的速度再等约 {days} 天（每种说法各发到 {wanted} 次左右）再看。",
    "results.alike": "两种说法差不多（差距在 {most} 个百分点以内），不必再等，选顺手的就行。",
    "results.slow": "还看不出差别。照现在的速度要半年以上才看得出：不必干等，"
    "选顺手的，或者换一种差别更大的说法再试。",
    "results.few": "“{name}”还没有发过，等两边都发出去再看。",
}
EN_RESULTS: dict[str, str] = {
    "results.lead": "Replies and purchases within three days count for the latest message or mass "
    "send that the customer got; without one, for the latest moment they saw.",
    "results.step": "Step",
    "results.planned": "Planned",
    "results.sent": "Sent",
    "results.skipped": "Left out",
    "results.reached": "Seen",
    "results.liked": "Likes",
    "results.commented": "Comments",
    "results.replied": "Replied",
    "results.bought": "Bought",
    "results.why": "Left out: {what}",
    "results.why.one": "{why} {n}",
    "results.open": "{n} still to go out or to be confirmed",
    "results.failed": "{n} failed",
    "results.posts": "{n} posts",
    "results.range": "{low}–{high}",
    "results.range.said": "With 95% confidence the true rate lies between {low} and {high}",
    "results.none": "Nothing was planned on this journey in this time.",
    "results.empty": "No results yet",
    "results.empty.lead": "Once journeys are on and have reached somebody, what they saw, replied "
    "and bought shows here, step by step.",
    "results.days": "Last {n} days",
    "results.always": "All",
    "results.since": "Time range",
    "results.all": "Together",
    "results.ab": "Two ways compared: {step}",
    "results.ab.several": "{n} ways compared: {step}",
    "results.ab.lead": "The thick line is where the true rate most likely lies (95%), the mark is "
    "the rate so far.",
    "results.by": "Compare by",
    "results.by.replied": "Replies",
    "results.by.bought": "Purchases",
    "results.rate": "{rate} ({low}–{high})",
    "results.of.replied": "{good} of {sent} replied",
    "results.of.bought": "{good} of {sent} bought",
    "results.what.replied": "reply rate",
    "results.what.bought": "purchase rate",
    "results.winner": "“{best}” has a {what} about {low}–{high} points above “{other}”: use it "
    "for everybody.",
    "results.wait": "No telling yet: the {lead} points between them may be chance. At this pace "
    "look again in about {days} days (some {wanted} sent of each).",
    "results.alike": "They do about equally well (within {most} points): no need to wait, take "
    "either.",
    "results.slow": "No telling yet, and at this pace it would take half a year: take either, or "
    "try words that differ more.",
    "results.few": "“{name}” has not gone out yet; wait until both have.",
}
