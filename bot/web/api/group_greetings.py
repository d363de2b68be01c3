"""`/group-templates` and `/group-codes`: greetings of groups, and codes to join them by."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from bot.errors import Conflict, NotFound, Unprocessable, WeComError
from bot.groups.code_draft import CodeDraft, CodePatch
from bot.groups.templates import TemplateDraft, TemplatePatch
from bot.store.group_tables import GroupCode, GroupTemplate
from bot.web.api.endpoint import Body, Endpoint, PageQuery, path_id
from bot.web.keys import GROUPS, SETTINGS


class TemplateView(BaseModel):
    id: int
    segment: str
    segment_label: str
    name: str
    text: str
    preview: str
    attachment: dict[str, Any]
    template_id: str | None
    status: str
    error: str | None
    created_at: datetime
    updated_at: datetime


class TemplateList(BaseModel):
    items: list[TemplateView]


class SampleView(BaseModel):
    segment: str
    label: str
    purpose: str
    rules: str
    greeting: str
    digest: str


class SampleList(BaseModel):
    items: list[SampleView]


class CodeView(BaseModel):
    id: int
    name: str
    state: str
    status: str
    error: str | None
    config_id: str | None
    qr_code: str
    chat_ids: list[str]
    spares: list[str]
    filled: list[str]
    base_name: str
    base_id: int
    auto_create: bool
    best_size: int
    remark: str
    segment: str
    purpose: str
    rules: str
    tags: list[str]
    created_at: datetime
    updated_at: datetime


class CodeList(BaseModel):
    items: list[CodeView]
    next_after: int | None


class Deleted(BaseModel):
    id: int
    status: str = "deleted"


async def list_templates(request: web.Request, query: object, body: None) -> TemplateList:
    rows = await request.app[GROUPS].templates.all()
    return TemplateList(items=[_template(request, row) for row in rows])


async def list_segments(request: web.Request, query: object, body: None) -> SampleList:
    segments = request.app[GROUPS].segments
    return SampleList(
        items=[
            SampleView(segment=name, **segments.get(name).model_dump()) for name in segments.names
        ]
    )


async def create_template(
    request: web.Request, query: object, body: TemplateDraft
) -> TemplateView:
    return _template(request, await request.app[GROUPS].templates.create(body))


async def show_template(request: web.Request, query: object, body: None) -> TemplateView:
    return _template(request, await request.app[GROUPS].templates.get(path_id(request)))


async def change_template(
    request: web.Request, query: object, body: TemplatePatch
) -> TemplateView:
    changed = await request.app[GROUPS].templates.change(path_id(request), body)
    return _template(request, changed)


async def retry_template(request: web.Request, query: object, body: Body) -> TemplateView:
    return _template(request, await request.app[GROUPS].templates.retry(path_id(request)))


async def delete_template(request: web.Request, query: object, body: None) -> Deleted:
    await request.app[GROUPS].templates.delete(path_id(request))
    return Deleted(id=path_id(request))


async def list_codes(request: web.Request, query: PageQuery, body: None) -> CodeList:
    rows = await request.app[GROUPS].codes.page(after=query.after, limit=query.limit + 1)
    page = rows[: query.limit]
    return CodeList(
        items=[_code(request, row) for row in page],
        next_after=page[-1].id if len(rows) > query.limit else None,
    )


async def create_code(request: web.Request, query: object, body: CodeDraft) -> CodeView:
    return _code(request, await request.app[GROUPS].codes.create(body))


async def show_code(request: web.Request, query: object, body: None) -> CodeView:
    return _code(request, await request.app[GROUPS].codes.get(path_id(request)))


async def change_code(request: web.Request, query: object, body: CodePatch) -> CodeView:
    return _code(request, await request.app[GROUPS].codes.change(path_id(request), body))


async def delete_code(request: web.Request, query: object, body: None) -> Deleted:
    await request.app[GROUPS].codes.delete(path_id(request))
    return Deleted(id=path_id(request))


def _template(request: web.Request, row: GroupTemplate) -> TemplateView:
    zone, groups = request.app[SETTINGS].shop.zone, request.app[GROUPS]
    return TemplateView(
        id=row.id,
        segment=row.segment,
        segment_label=groups.segments.label(row.segment),
        name=row.name,
        text=row.text,
        preview=groups.templates.preview(row),
        attachment=row.attachment,
        template_id=row.template_id,
        status=row.status,
        error=row.error,
        created_at=row.created_at.astimezone(zone),
        updated_at=row.updated_at.astimezone(zone),
    )


def _code(request: web.Request, row: GroupCode) -> CodeView:
    zone = request.app[SETTINGS].shop.zone
    return CodeView(
        id=row.id,
        name=row.name,
        state=row.state,
        status=row.status,
        error=row.error,
        config_id=row.config_id,
        qr_code=row.qr_code,
        chat_ids=row.chat_ids,
        spares=row.spares,
        filled=row.filled,
        base_name=row.base_name,
        base_id=row.base_id,
        auto_create=row.auto_create,
        best_size=row.best_size,
        remark=row.remark,
        segment=row.segment,
        purpose=row.purpose,
        rules=row.rules,
        tags=row.tags,
        created_at=row.created_at.astimezone(zone),
        updated_at=row.updated_at.astimezone(zone),
    )


_CHANGES = (NotFound, Conflict, Unprocessable, WeComError)
ENDPOINTS = (
    Endpoint("GET", "/group-segments", list_segments, "群分类和示例文案", SampleList),
    Endpoint("GET", "/group-templates", list_templates, "入群欢迎语", TemplateList),
    Endpoint(
        "POST",
        "/group-templates",
        create_template,
        "新建一个分类的入群欢迎语；不写 text 就用示例文案",
        TemplateView,
        body=TemplateDraft,
        status=201,
        errors=(Conflict, Unprocessable, WeComError),
    ),
    Endpoint(
        "GET",
        "/group-templates/{id}",
        show_template,
        "一条入群欢迎语",
        TemplateView,
        errors=(NotFound,),
    ),
    Endpoint(
        "PATCH",
        "/group-templates/{id}",
        change_template,
        "修改入群欢迎语：只改给出的项，已选用的群随之更新",
        TemplateView,
        body=TemplatePatch,
        errors=_CHANGES,
    ),
    Endpoint(
        "POST",
        "/group-templates/{id}/retry",
        retry_template,
        "没有做成（failed）或结果不明（unsure）的欢迎语，再向企业微信提交一次",
        TemplateView,
        body=Body,
        errors=_CHANGES,
    ),
    Endpoint(
        "DELETE",
        "/group-templates/{id}",
        delete_template,
        "删除入群欢迎语",
        Deleted,
        errors=(NotFound, WeComError),
    ),
    Endpoint(
        "GET",
        "/group-codes",
        list_codes,
        "入群活码",
        CodeList,
        query=PageQuery,
        errors=(Unprocessable,),
    ),
    Endpoint(
        "POST",
        "/group-codes",
        create_code,
        "新建入群活码：群满后自动换下一个群",
        CodeView,
        body=CodeDraft,
        status=201,
        errors=(Unprocessable, WeComError),
    ),
    Endpoint("GET", "/group-codes/{id}", show_code, "一个入群活码", CodeView, errors=(NotFound,)),
    Endpoint(
        "PATCH",
        "/group-codes/{id}",
        change_code,
        "修改入群活码：只改给出的项",
        CodeView,
        body=CodePatch,
        errors=_CHANGES,
    ),
    Endpoint(
        "DELETE",
        "/group-codes/{id}",
        delete_code,
        "删除入群活码",
        Deleted,
        errors=(NotFound, WeComError),
    ),
)
