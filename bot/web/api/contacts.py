"""`/sync` and `/tags`: how far the reading of contacts is, and the corp's tags."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from bot.customers.sync_runs import Progress, tally
from bot.errors import NotFound, Unprocessable, WeComError
from bot.store.contact_tables import CorpTag, FollowTag, TagGroup
from bot.web.api.endpoint import Body, Endpoint
from bot.web.keys import CONTACTS, DATABASE, SETTINGS


class SyncView(BaseModel):
    """`state`: never, running, stopped (it goes on by itself), done or abandoned."""

    state: str
    phase: str = ""
    percent: float = 0.0
    members: int = 0
    members_done: int = 0
    failed_members: list[dict[str, str]] = Field(default_factory=list)
    customers: dict[str, int] = Field(default_factory=dict)
    follows: dict[str, int] = Field(default_factory=dict)
    tags: dict[str, int] = Field(default_factory=dict)
    groups: dict[str, int] = Field(default_factory=dict)
    calls: int = 0
    seconds: float = 0.0
    resumed: int = 0
    error: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


class TagView(BaseModel):
    """`ours`: WeCom lets this app rename and delete it."""

    id: str
    name: str
    group: str
    ours: bool
    customers: int


class TagList(BaseModel):
    items: list[TagView]


class NewTag(Body):
    group: str = Field(min_length=1, max_length=30)
    name: str = Field(min_length=1, max_length=30)


class TagName(Body):
    name: str = Field(min_length=1, max_length=30)


class TagDone(BaseModel):
    id: str
    name: str


class RuleView(BaseModel):
    """A rule of automatic tags with what it would do if it ran now."""

    id: str
    name: str
    tag: str
    group: str
    enabled: bool
    matching: int
    would_add: int
    would_remove: int
    samples: list[str]


class RuleQuery(Body):
    """How many customers to look at; a whole large shop takes minutes (`tags preview`)."""

    customers: int = Field(2000, ge=1, le=100_000)


class RuleList(BaseModel):
    """`customers`: among how many the figures were counted; `all_customers`: whether all."""

    automatic: bool
    customers: int
    all_customers: bool
    items: list[RuleView]


async def show_sync(request: web.Request, query: object, body: None) -> SyncView:
    return _sync_view(request, await request.app[CONTACTS].sync.progress())


def _sync_view(request: web.Request, progress: Progress | None) -> SyncView:
    if progress is None:
        return SyncView(state="never")
    run, zone = progress.run, request.app[SETTINGS].shop.zone
    counts: dict[str, Any] = {
        name: tally(run, name).as_dict() for name in ("customers", "follows", "tags", "groups")
    }
    return SyncView(
        state=run.state,
        phase=run.phase,
        percent=progress.percent,
        members=progress.members,
        members_done=progress.members_done,
        failed_members=[
            {"userid": userid, "reason": reason} for userid, reason in progress.failed
        ],
        calls=run.calls,
        seconds=round(run.seconds, 1),
        resumed=run.resumed,
        error=run.error,
        started_at=run.started_at.astimezone(zone),
        finished_at=run.finished_at and run.finished_at.astimezone(zone),
        **counts,
    )


async def start_sync(request: web.Request, query: object, body: None) -> SyncView:
    """Starts in the background; a sync that already runs is left alone."""
    sync = request.app[CONTACTS].sync
    sync.start()
    return _sync_view(request, await sync.progress())


async def list_tags(request: web.Request, query: object, body: None) -> TagList:
    async with request.app[DATABASE].read() as session:
        rows = await session.execute(
            select(
                CorpTag,
                TagGroup.name,
                func.count(FollowTag.external_userid.distinct()),
            )
            .join(TagGroup, TagGroup.group_id == CorpTag.group_id)
            .outerjoin(FollowTag, FollowTag.tag_id == CorpTag.tag_id)
            .where(CorpTag.deleted_at.is_(None))
            .group_by(CorpTag.tag_id, TagGroup.group_id)
            .order_by(
                TagGroup.position.desc(), TagGroup.name, CorpTag.position.desc(), CorpTag.name
            )
        )
        return TagList(
            items=[
                TagView(id=tag.tag_id, name=tag.name, group=group, ours=tag.ours, customers=number)
                for tag, group, number in rows
            ]
        )


async def create_tag(request: web.Request, query: object, body: NewTag) -> TagDone:
    ids = await request.app[CONTACTS].tags.ids_for([body.name], group=body.group)
    (tag_id,) = ids.values()
    return TagDone(id=tag_id, name=body.name)


async def rename_tag(request: web.Request, query: object, body: TagName) -> TagDone:
    tag_id = request.match_info["tag_id"].replace("\x00", "")[:64]
    await request.app[CONTACTS].tags.rename(tag_id, body.name)
    return TagDone(id=tag_id, name=body.name)


async def delete_tag(request: web.Request, query: object, body: None) -> TagDone:
    tag_id = request.match_info["tag_id"].replace("\x00", "")[:64]
    await request.app[CONTACTS].tags.delete(tag_id)
    return TagDone(id=tag_id, name="")


async def list_rules(request: web.Request, query: RuleQuery, body: None) -> RuleList:
    tagger = request.app[CONTACTS].auto_tagger
    previews, looked_at = await tagger.preview(most=query.customers)
    return RuleList(
        automatic=request.app[SETTINGS].customers.auto_tags,
        customers=looked_at,
        all_customers=looked_at < query.customers,
        items=[
            RuleView(
                id=one.rule.id,
                name=one.rule.name,
                tag=one.rule.tag,
                group=one.rule.group,
                enabled=one.rule.enabled,
                matching=one.matching,
                would_add=one.would_add,
                would_remove=one.would_remove,
                samples=one.samples,
            )
            for one in previews
        ],
    )


ENDPOINTS = (
    Endpoint("GET", "/sync", show_sync, "客户同步的进度", SyncView),
    Endpoint(
        "POST", "/sync", start_sync, "开始同步客户；正在同步时不重复开始", SyncView, status=202
    ),
    Endpoint("GET", "/tags", list_tags, "企业客户标签，以及各有多少客户", TagList),
    Endpoint(
        "POST",
        "/tags",
        create_tag,
        "新建标签；已有同名的就用它",
        TagDone,
        body=NewTag,
        status=201,
        errors=(Unprocessable, WeComError),
    ),
    Endpoint(
        "PATCH",
        "/tags/{tag_id}",
        rename_tag,
        "给本应用创建的标签改名",
        TagDone,
        body=TagName,
        errors=(NotFound, Unprocessable, WeComError),
    ),
    Endpoint(
        "DELETE",
        "/tags/{tag_id}",
        delete_tag,
        "删除本应用创建的标签",
        TagDone,
        errors=(NotFound, Unprocessable, WeComError),
    ),
    Endpoint(
        "GET",
        "/tag-rules",
        list_rules,
        "自动标签的规则，以及现在运行会影响多少客户（默认只数 2000 位，customers 可以改）",
        RuleList,
        query=RuleQuery,
    ),
)
