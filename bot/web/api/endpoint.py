"""One table of typed endpoints serves routing, validation and the OpenAPI document."""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bot.errors import BadRequest, BotError, NotFound, Unprocessable

PREFIX = "/api/v1"
MAX_ID = 2**63 - 1

Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """A JSON body; unknown keys are refused, so that a typo does not pass silently."""

    model_config = ConfigDict(extra="forbid")

    @field_validator("*")
    @classmethod
    def _keepable(cls, value: object) -> object:
        if isinstance(value, str) and not is_keepable(value):
            raise ValueError("有不能保存的字符，请删除后再试")
        return value


class Nothing(Body):
    """No parameters."""


class PageQuery(Body):
    """`after` is the id of the last row of the page before."""

    after: int = Field(0, ge=0)
    limit: int = Field(50, ge=1, le=200)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`handler(request, query, body)` returns the `response` model, or a file of one of `files`.

    `repeat_status` is that of an answer whose `duplicate` is true.
    """

    method: str
    path: str
    handler: Callable[[web.Request, Any, Any], Awaitable[BaseModel | web.Response]]
    summary: str
    response: type[BaseModel] | None
    query: type[BaseModel] = Nothing
    body: type[BaseModel] | None = None
    status: int = 200
    repeat_status: int | None = None
    errors: tuple[type[BotError], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        room = self.handler.__module__.rsplit(".", 1)[-1]
        return f"{room}_{self.handler.__name__}"


def is_keepable(text: str) -> bool:
    """Whether both databases can keep it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def add_endpoints(app: web.Application, endpoints: Iterable[Endpoint]) -> None:
    for endpoint in endpoints:
        handler = functools.partial(_serve, endpoint)
        app.router.add_route(endpoint.method, PREFIX + endpoint.path, handler)


async def _serve(endpoint: Endpoint, request: web.Request) -> web.Response:
    query = _read(endpoint.query, dict(request.query), place="参数")
    body = await _body(endpoint, request)
    answer = await endpoint.handler(request, query, body)
    if isinstance(answer, web.Response):
        return answer
    return web.Response(
        text=answer.model_dump_json(exclude_unset=False),
        status=_status(endpoint, answer),
        content_type="application/json",
    )


def _status(endpoint: Endpoint, answer: BaseModel) -> int:
    repeated = endpoint.repeat_status is not None and getattr(answer, "duplicate", False)
    return endpoint.repeat_status or endpoint.status if repeated else endpoint.status


async def _body(endpoint: Endpoint, request: web.Request) -> BaseModel | None:
    if endpoint.body is None:
        return None
    raw = await request.read()
    try:
        data = json.loads(raw) if raw.strip() else {}
    except (ValueError, RecursionError):
        raise BadRequest("请求体不是正确的 JSON") from None
    if not isinstance(data, dict):
        raise BadRequest("请求体应是一个 JSON 对象")
    return _read(endpoint.body, data, place="请求体")


def _read(model: type[Model], data: dict[str, Any], *, place: str) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [
            {"field": ".".join(map(str, item["loc"])), "problem": _wording(item)}
            for item in error.errors(include_url=False, include_input=False)
        ]
        first = problems[0]
        where = f"{place} {first['field']} " if first["field"] else place
        raise Unprocessable(f"{where}有误：{first['problem']}", problems=problems) from None


_WORDINGS = {
    "missing": "缺少这一项",
    "extra_forbidden": "没有这一项，请检查拼写",
    "string_type": "应是文字",
    "string_unicode": "有不能保存的字符，请删除后再试",
    "string_too_short": "不能为空",
    "string_too_long": "太长了",
    "string_pattern_mismatch": "写法不对，应符合 {pattern}",
    "too_long": "太长了，最多 {max_length}",
    "int_parsing": "应是整数",
    "int_type": "应是整数",
    "int_parsing_size": "数字太大",
    "int_from_float": "应是整数",
    "float_type": "应是数字",
    "float_parsing": "应是数字",
    "finite_number": "应是数字",
    "bool_type": "应是 true 或 false",
    "bool_parsing": "应是 true 或 false",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "list_type": "应是一个列表",
    "dict_type": "应是一个 JSON 对象",
    "model_type": "应是一个 JSON 对象",
    "model_attributes_type": "应是一个 JSON 对象",
    "timezone_aware": "时间要带时区，例如 2026-01-31T09:00:00+08:00",
}
_A_TIME = "应是时间，例如 2026-01-31T09:00:00+08:00"
_A_DATE = "应是日期，例如 2026-01-31"


def _wording(item: Any) -> str:
    kind = str(item["type"])
    if kind == "too_short":
        least = item["ctx"]["min_length"]
        return "不能为空" if least == 1 else f"至少要有 {least} 项"
    if expected := item.get("ctx", {}).get("expected"):
        return f"只能是 {str(expected).replace(', ', '、').replace(' or ', ' 或 ')}"
    if known := _WORDINGS.get(kind):
        return known.format_map(item.get("ctx", {}))
    if kind.startswith("datetime"):
        return _A_TIME
    return _A_DATE if kind.startswith("date") else str(item["msg"]).removeprefix("Value error, ")


def read_query(model: type[Model], request: web.Request) -> Model:
    """The query of a request that answers with something else than JSON."""
    return _read(model, dict(request.query), place="参数")


def path_id(request: web.Request) -> int:
    """The numeric `{id}` of the path; anything else is as good as unknown."""
    raw = request.match_info["id"]
    if not (raw.isascii() and raw.isdigit()) or len(raw) > 20 or int(raw) > MAX_ID:
        raise NotFound(f"没有编号为 {raw[:20]} 的记录")
    return int(raw)
