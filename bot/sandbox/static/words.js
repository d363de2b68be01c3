// Every text of the page that is not told by the platform, in both languages.
const WORDS = {
  zh: {
    title: "企业微信沙盒", subtitle: "本机演示，不连接真实的企业微信；客户都是虚构的。",
    console: "打开导购工作台", people: "客户", steps: "四步体验",
    step1: "在手机上替客户写一句话", step2: "到导购工作台挑一条建议，批准",
    step3: "回到手机，看客户收到的回复", more: "更多", service: "微信客服", send: "发送",
    record: "实时记录", nothing: "还没有动静。替客户写一句话试试。", faults: "故障演练",
    faultsHint: "打开一个，再发消息，看机器人怎样应对。", calm: "全部恢复", tools: "其他",
    live: "实时", offline: "连接断开，正在重连", other: "English", all: "全部", push: "推送",
    call: "调用", customer: "客户", always: "一直", next1: "仅下 1 次", next3: "下 3 次",
    some: "约三成", left: "还剩 {n} 次",
    verify: "验证回调地址", verified: "回调地址验证通过（{n} 毫秒）",
    unverified: "回调地址没有通过验证，机器人启动了吗？", phone: "手机", album: "相册",
    sample: "示例图片", place: "位置", recall: "撤回上一条", recalled: "你撤回了一条消息",
    write: "替{name}写一句…", enter: "从链接进入会话", refuse: "拒收店里的消息",
    accept: "不再拒收", take: "导购接入（{name}）", end: "导购结束会话",
    window: "还可回 {n} 条 · {h} 小时内", refused: "已拒收", today: "", yesterday: "昨天",
    empty: "你已添加了{name}，现在可以开始聊天了。", failed: "没有成功：{why}",
    taken: "导购已接入", ended: "会话已结束", entered: "你进入了会话", raw: "原文",
    ms: "毫秒", clear: "清空", voice: "语音", file: "文件", miniprogram: "小程序",
    scan: "新客扫码加好友", scanCard: "扫{name}的名片（无渠道）", scanHalf: "扫码，等导购通过",
    leave: "删除导购", drop: "导购删除这位客户", confirm: "{name}通过好友申请",
    nextHour: "下一小时", nextDay: "下一天", chat: "聊天", moments: "朋友圈",
    feedNone: "还没有朋友圈。扫渠道活码加好友，再按「下一天」，七天的内容会一天一条出现。",
    picture: "看大图 {n}", like: "♡ 赞", liked: "♥ 已赞", waiting: "等导购确认", guides: "导购的手机", guidesShort: "导购", sendCard: "替导购发给{name}", cardSent: "已发给{name}", cards: "收到的提醒和卡片", cardsNone: "还没有收到提醒。", guidesAct: "导购按时确认",
    guidesActHint: "时间前进时，导购自己发表朋友圈、发送群发、照卡片跟进", tasksNone: "没有等着确认的任务。",
    moment: "朋友圈", mass_send: "群发", audience: "{n} 位客户", confirm_moment: "替导购发表",
    confirm_mass_send: "替导购发送", reached: "已送达 {n} 位客户",
    step4: "扫活码加好友，按「下一天」看朋友圈", adminWelcome: "后台给{name}设了欢迎语", adminWelcomeHint: "企业微信就不再给机器人欢迎语凭证，新好友由后台问候。",
    rooms: "客户群", roomsShort: "群", faultsShort: "故障", roomNew: "建群", roomName: "群名，例如：宝妈交流一群",
    roomsHint: "群里聊了什么，企业微信不告诉机器人；进群、退群和有没有人说话，它知道。",
    roomsNothing: "还没有群。起个名字建一个，再拉客户进来。", roomOwner: "群主", roomOf: "{name}的群",
    roomCount: "{n} 人", roomDismissed: "已解散", roomPull: "拉进群…", roomSpeak: "有人说话",
    roomDismiss: "解散", roomOut: "让{name}退群", roomPick: "群主选用欢迎语…", roomPicked: "已选用欢迎语",
    roomGreeted: "欢迎 {name}：", roomScan: "扫群活码：{name}", roomGuide: "导购",
    scanLink: "点获客链接：{name}", refuseHandover: "不同意换导购",
    asked: "[图片]", ahead: "沙盒时钟已快进 {n} 小时",
  },
  en: {
    title: "WeCom sandbox", subtitle: "Runs on this computer only; the customers are made up.",
    console: "Open the guide's desk", people: "Customers", steps: "Four steps",
    step1: "Write a line as the customer", step2: "At the guide's desk, approve a suggestion",
    step3: "Come back and read the reply", more: "More", service: "Customer service",
    send: "Send", record: "Live record", nothing: "Nothing yet. Write a line as a customer.",
    faults: "Fault drill", faultsHint: "Switch one on, then write, and see how the bot copes.",
    calm: "All back to normal", tools: "Also", live: "Live", offline: "Reconnecting",
    other: "中文", all: "All", push: "Pushes", call: "Calls", customer: "Customers",
    always: "always", next1: "next time", next3: "next 3 times", some: "about 3 in 10",
    left: "{n} left",
    verify: "Verify the callback", verified: "The callback passed ({n} ms)",
    unverified: "The callback did not pass. Is the bot running?", phone: "Phone",
    album: "Album", sample: "Sample picture", place: "Location", recall: "Recall last",
    recalled: "You recalled a message", write: "Write as {name}…",
    enter: "Open the chat by a link", refuse: "Refuse the shop's messages",
    accept: "Accept again", take: "A guide takes over ({name})", end: "A guide ends the session",
    window: "{n} replies left · within {h} h", refused: "Refuses", today: "",
    yesterday: "Yesterday", empty: "You have added {name}. Say hello.",
    failed: "It did not work: {why}", taken: "A guide has joined", ended: "The session has ended",
    entered: "You opened the chat", raw: "Raw", ms: "ms", clear: "Clear", voice: "Voice",
    file: "File", miniprogram: "Mini-program", asked: "[picture]",
    nextHour: "Next hour", nextDay: "Next day", chat: "Chat", moments: "Moments",
    feedNone: "No moments yet. Scan a channel code, then press Next day: seven days of posts arrive one by one.",
    picture: "Picture {n}", like: "♡ Like", liked: "♥ Liked", waiting: "Waiting for guides", guides: "The guides' phones", guidesShort: "Guides", sendCard: "Send to {name} for the guide", cardSent: "Sent to {name}", cards: "Reminders and cards", cardsNone: "None yet.", guidesAct: "Guides confirm in time",
    guidesActHint: "While time passes they publish, send and follow up", tasksNone: "Nothing waits.",
    moment: "Moment", mass_send: "Mass send", audience: "{n} customers", confirm_moment: "Publish for the guide",
    confirm_mass_send: "Send for the guide", reached: "Reached {n} customers",
    step4: "Scan a code, press Next day, watch the moments",
    scan: "Somebody new scans a code", scanCard: "Scan {name}'s own card (no channel)",
    scanHalf: "Scan, and wait for the guide", leave: "Delete the guide",
    drop: "The guide deletes this customer", confirm: "{name} adds back",
    adminWelcome: "Admin greets for {name}", adminWelcomeHint: "WeCom then gives the bot no welcome code.",
    rooms: "Groups", roomsShort: "Groups", faultsShort: "Faults", roomNew: "Open", roomName: "Name, e.g. Mothers' corner",
    roomsHint: "WeCom never tells a bot what is said in a group: only who comes and goes, and whether anybody speaks.",
    roomsNothing: "No groups yet. Give one a name, open it and bring people in.", roomOwner: "Owner", roomOf: "{name}'s group",
    roomCount: "{n} members", roomDismissed: "dismissed", roomPull: "Bring in…", roomSpeak: "Somebody speaks",
    roomDismiss: "Dismiss", roomOut: "{name} leaves", roomPick: "Owner chooses a greeting…", roomPicked: "Greeting chosen",
    roomGreeted: "To {name}: ", roomScan: "Scan the group code: {name}", roomGuide: "guide",
    scanLink: "Open the link: {name}", refuseHandover: "Refuse another guide",
    ahead: "The sandbox clock is {n} h ahead",
  },
};

export const CHIPS = [
  "这件还有L码吗", "太贵了", "什么时候发货", "能便宜点吗", "我身高165体重110穿什么码", "可以退吗",
  "发什么快递", "面料会起球吗", "有优惠券吗", "转人工",
];

export const lang = new URLSearchParams(location.search).get("lang") === "en" ? "en" : "zh";

export function word(name, values = {}) {
  return Object.entries(values).reduce(
    (text, [key, value]) => text.replace(`{${key}}`, value), WORDS[lang][name],
  );
}

export function fillWords() {
  document.documentElement.lang = lang === "en" ? "en" : "zh-CN";
  for (const place of document.querySelectorAll("[data-word]")) {
    place.textContent = word(place.dataset.word);
  }
  const other = document.getElementById("language");
  other.textContent = word("other");
  other.href = lang === "en" ? "?" : "?lang=en";
}
