"""Names inside WeChat's emoticon codes such as [捂脸], by mood, and the emoji beside them."""

from __future__ import annotations

SMILES = frozenset(
    (
        "666 Clap Grin Heart Hug Joyful OK Rose Smile ThumbsUp 亲亲 偷笑 加油 发 可爱 呲牙 "
        "嘿哈 坏笑 大笑 太阳 太陽 奸笑 好的 害羞 庆祝 强 得意 微笑 心 愉快 感谢 憨笑 抱拳 "
        "拥抱 握手 机智 比心 爱心 玫瑰 發 破涕为笑 礼物 福 笑脸 红包 耶 胜利 色 蛋糕 "
        "让我看看 调皮 谢谢 赞 送花花 阴险 飞吻 鲜花 鼓掌"
    ).split()
)
FROWNS = frozenset(
    (
        "Angry Broken Cry Facepalm Frown Sob Sweat 傲慢 冷汗 凋谢 发呆 发怒 可怜 叹气 吐 "
        "咒骂 哭 囧 困 大哭 失望 委屈 尴尬 差劲 弱 心碎 快哭了 怒 恐惧 惊恐 惊讶 我最美 "
        "抓狂 拳头 捂脸 撇嘴 擦汗 敲打 无语 晕 汗 流汗 流泪 炸弹 生无可恋 生气 疑问 白眼 "
        "皱眉 睡 翻白眼 苦涩 菜刀 衰 裂开 鄙视 闭嘴 难受 难过"
    ).split()
)
OTHERS = frozenset(
    (
        "Bye Emm Shocked emm 便便 再见 动画表情 勾引 发抖 右哼哼 吃瓜 合十 吓 咖啡 哇 哈欠 "
        "啤酒 嘘 嘴唇 图片 天啊 奋斗 左哼哼 怄火 悠闲 打脸 折磨 抠鼻 旺柴 月亮 烟花 爆竹 "
        "猪头 社会社会 表情 视频 语音 跳跳 转圈 骷髅 鬼魂"
    ).split()
)
FROWNING_EMOJI = frozenset("😠😡🤬😤😢😭😞😔😟🙁☹😣😖😫😩😰😨😱😓😥😒🙄💔👎🤮😾🥺😕🤯🤦")
SMILING_EMOJI = frozenset("👍👌🙏🌹🌷🌸💐🎉🎁🥰😘😚😗🤗🤩💪✌🤝👏🥳☺😊😍💕💖💗💓💞💘")
