"""Words about tasks that say what their step said before, in Chinese and English."""

from __future__ import annotations

ZH_OLD_WORDS: dict[str, str] = {
    "said.asked_anew": "正在撤回旧的，几分钟内用新的话请导购确认",
    "old.title": "导购手机上还是旧的话：{n} 步",
    "old.lead": "已经请导购确认的任务，企业微信不会跟着改。换成新的话：先撤回没确认的，"
    "再用新的话请导购确认；确认过的已经发出，收不回。",
    "old.waiting": "{n} 位导购还没确认",
    "old.of": "{who}：{why}",
    "old.ask_anew": "换成新的话",
    "old.ask_anew.sure": "撤回「{name}」还没确认的任务，用新的话再请 {n} 位导购确认？",
    "old.being_made": "企业微信正在建任务，过一会儿刷新再换",
    "old.being_asked": "正在撤回，几分钟内用新的话请导购确认",
    "old.partly_out": "已有导购发表了旧的，不能再换；其余的不想再发，请去取消任务",
    "old.paused": "旅程停用着，撤回后不会再请导购确认；要换请先启用",
    "old.not_now": "现在不在这一步的发送时段，到时段里再换",
    "old.too_late": "过了这一步的补发时限，撤回后就不再发；不想发旧的，请去取消任务",
    "old.tasks": "看任务",
    "old.mark": "话已改过",
}

EN_OLD_WORDS: dict[str, str] = {
    "said.asked_anew": "Being taken back; guides are asked in the new words within minutes",
    "old.title": "Guides still have the old words: {n} steps",
    "old.lead": "WeCom does not change a task that guides were asked to confirm. To use the new "
    "words, what is unconfirmed is taken back and asked again; what a guide confirmed is out.",
    "old.waiting": "{n} guides have not confirmed",
    "old.of": "{who}: {why}",
    "old.ask_anew": "Use the new words",
    "old.ask_anew.sure": "Take back what is unconfirmed of “{name}” and ask {n} guides again?",
    "old.being_made": "WeCom is making the task; reload in a while",
    "old.being_asked": "Being taken back; guides are asked in the new words within minutes",
    "old.partly_out": "A guide has published the old words; if the others should not, cancel",
    "old.paused": "The journey is switched off: nobody would be asked again. Switch it on first",
    "old.not_now": "Outside this step's hours; do it within them",
    "old.too_late": "Too late to go out again once taken back; to stop the old words, cancel it",
    "old.tasks": "See tasks",
    "old.mark": "words changed since",
}
