from __future__ import annotations

from typing import Any

import pytest
from apishop import Api


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"name": None}, "请求体 name 有误：不能是 null；不想改就不要写这一项"),
        ({"tags": None}, "请求体 tags 有误：不能是 null；不想改就不要写这一项"),
        ({"guides": []}, "请求体 guides 有误：不能为空"),
        ({"guides": "zhang"}, "请求体 guides 有误：应是一个列表"),
        ({"daily_cap": 0}, "请求体 daily_cap 有误：不能小于 1"),
        ({"remark": "\x00"}, "请求体有误：有不能保存的字符，请删除后再试"),
    ],
)
async def test_a_wrong_change_says_what_where_and_how_to_mend(
    api: Api, patch: dict[str, Any], said: str
) -> None:
    status, answer = await api.call("PATCH", "api/v1/channels/1", json=patch)
    assert (status, answer["error"]["message"]) == (422, said)
