from __future__ import annotations

from pathlib import Path

import pytest

from intents.builtin.engine import BuiltinEngine
from intents.builtin.model import BuiltinModel
from intents.builtin.training import train
from intents.training_data import TrainingData, load_training_data

SMALL_SHOP = """version: "3.1"
nlu:
- intent: greet
  examples: |
    - 你好
    - 在吗
    - 在不在呀
    - 亲 在吗
    - 您好 在的吗
    - 有人在吗
    - 哈喽 在不
- intent: thank
  examples: |
    - 谢谢
    - 谢谢亲
    - 多谢啦
    - 麻烦你了
    - 谢谢老板
    - 太感谢了
    - 辛苦了
- intent: ask_price
  examples: |
    - 这个多少钱
    - 多少钱一件
    - [羽绒服](product)咋卖的
    - 怎么卖
    - 什么价格
    - 价格多少呀
    - [加大码]{"entity": "size", "value": "XL"}的多少钱
- intent: ask_stock
  examples: |
    - 这件还有L码吗
    - 有货吗
    - 还有没有货呀
    - 什么时候补货
    - 黑色还有吗
    - 没货了吗
    - 啥时候上新
- intent: complain_price
  examples: |
    - 太贵了
    - 好贵啊
    - 怎么这么贵
    - 有点贵了
    - 别家便宜多了
    - 贵死了
    - 又涨价了
- intent: ask_shipping_time
  examples: |
    - 什么时候发货
    - 啥时候能发
    - 今天能发吗
    - 几天发货
    - 拍下多久发
    - 明天发得出来吗
    - 可以晚点发货吗
- intent: out_of_scope
  examples: |
    - 今天天气怎么样
    - 帮我写首诗
    - 你吃饭了吗
    - 股票涨了没
    - 给我讲个笑话
    - 你是男的女的
    - 附近有什么好吃的
"""
NAMED_THINGS = r"""version: "3.1"
nlu:
- synonym: XL
  examples: |
    - 加大码
- synonym: 2XL
  examples: |
    - XXL
    - 2XL
- synonym: 顺丰
  examples: |
    - 顺丰快递
- synonym: 黑色
  examples: |
    - 黑的
- lookup: product
  examples: |
    - 羽绒服
- lookup: size
  examples: |
    - XL
    - 2XL
- lookup: color
  examples: |
    - 黑色
- lookup: courier
  examples: |
    - 顺丰
- lookup: city
  examples: |
    - 北京
- lookup: time
  examples: |
    - 后天下午
- regex: phone
  examples: |
    - (?<!\d)1[3-9]\d{9}(?!\d)
- regex: size
  examples: |
    - (?<![a-z0-9])(?:x{0,4}l|[sm])码?(?![a-z0-9])
- regex: quantity
  examples: |
    - (?:\d+|[一两二三])件
- regex: price
  examples: |
    - \d+块钱?
    - [一二两三]百[一二三]
- regex: time
  examples: |
    - 后天
"""


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "shop.yml"
    path.write_text(SMALL_SHOP, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def sources(small_shop: Path) -> tuple[Path, ...]:
    things = small_shop.with_name("things.yml")
    things.write_text(NAMED_THINGS, encoding="utf-8")
    return (small_shop, things)


@pytest.fixture(scope="session")
def shop_data(sources: tuple[Path, ...]) -> TrainingData:
    return load_training_data(sources)


@pytest.fixture(scope="session")
def model(shop_data: TrainingData) -> BuiltinModel:
    return train(shop_data, data_hash="test")


@pytest.fixture
def engine(model: BuiltinModel) -> BuiltinEngine:
    return BuiltinEngine(model)
