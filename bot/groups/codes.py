"""Group codes (入群活码): one picture for ever, the group behind it changes as groups fill."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.notices import tell_guide
from bot.errors import Conflict, NotFound, RetryLater, UnknownOutcome, Unprocessable, WeComError
from bot.groups.code_draft import CodeDraft, CodeFields, CodePatch, line_up
from bot.groups.group_rows import ensure_group, want_reading
from bot.groups.profiles import set_tags
from bot.groups.segments import Segments
from bot.store.database import Database
from bot.store.group_tables import CodeStatus, CustomerGroup, GroupCode, GroupState, GroupTag
from bot.wecom.client import WeComClient
from bot.wecom.group_chats import JoinWay, join_way_of

_MAKING = timedelta(seconds=90)
_LOOK = timedelta(minutes=10)
_AGAIN = timedelta(minutes=1)
_AGAIN_REFUSED = timedelta(minutes=30)
_QR = 2
FIELDS = tuple(CodeFields.model_fields)


class GroupCodes:
    """Makes codes and keeps a group with room behind each.

    WeCom makes another join way with each call and lists none. A lost answer is asked for anew:
    a code that nobody has printed does no harm.
    """

    def __init__(
        self, database: Database, client: WeComClient, clock: Clock, segments: Segments
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._segments = segments

    async def create(self, draft: CodeDraft) -> GroupCode:
        """Make a code. Raises a `WeComError` when refused, or when it will be made later."""
        self._segments.check(draft.segment)
        await self._check_groups([*draft.chat_ids, *draft.spares])
        now = self._clock.now()
        code = GroupCode(
            state=f"gc{secrets.token_hex(7)}",
            status=CodeStatus.CREATING,
            filled=[],
            look_at=now + _MAKING,
            created_at=now,
            updated_at=now,
            **_columns(draft),
        )
        async with self._database.write() as session:
            session.add(code)
        await self._make(code)
        return await self.get(code.id)

    async def _check_groups(self, chat_ids: Sequence[str]) -> None:
        async with self._database.read() as session:
            over = await session.scalar(
                select(CustomerGroup.chat_id).where(
                    CustomerGroup.chat_id.in_(chat_ids),
                    CustomerGroup.state == GroupState.DISMISSED,
                )
            )
        if over:
            raise Unprocessable(f"群 {over} 已经解散，请换一个群")

    async def _make(self, code: GroupCode) -> None:
        try:
            answer = await self._client.group_chats.add_join_way(**_body(code))
            if not answer.get("config_id"):
                raise UnknownOutcome("企业微信的回应里没有 config_id")
        except RetryLater as error:
            await self._write(code.id, error=_reason(error), look_at=self._clock.now() + _AGAIN)
            raise
        except WeComError as error:
            making = GroupCode.status == CodeStatus.CREATING
            await self._write(code.id, making, status=CodeStatus.FAILED, error=_reason(error))
            raise
        config_id = str(answer["config_id"])[:128]
        if not await self._write(
            code.id,
            GroupCode.status == CodeStatus.CREATING,
            status=CodeStatus.ACTIVE,
            config_id=config_id,
            error=None,
            look_at=self._clock.now(),
        ):
            await self._client.group_chats.delete_join_way(config_id)  # deleted meanwhile
            return
        loggers.groups.info("a group code was made", code=code.id)
        await self._fetch_picture(code.id, config_id)

    async def _fetch_picture(self, number: int, config_id: str) -> None:
        """The code is made already: a picture that does not come now is fetched by `tend`."""
        try:
            way = join_way_of(await self._client.group_chats.join_way(config_id))
        except WeComError as error:
            loggers.groups.warning("a code's picture comes later", code=number, exc_info=error)
            return
        await self._write(number, qr_code=way.qr_code, look_at=self._clock.now() + _LOOK)

    async def get(self, code_id: int) -> GroupCode:
        """One code that was not deleted; raises `NotFound`."""
        async with self._database.read() as session:
            code = await session.get(GroupCode, code_id)
        if code is None or code.status == CodeStatus.DELETED:
            raise NotFound(f"没有编号为 {code_id} 的入群活码")
        return code

    async def page(self, *, after: int = 0, limit: int = 50) -> list[GroupCode]:
        """Codes in the order of their making."""
        async with self._database.read() as session:
            rows = await session.scalars(
                select(GroupCode)
                .where(GroupCode.id > after, GroupCode.status != CodeStatus.DELETED)
                .order_by(GroupCode.id)
                .limit(limit)
            )
            return list(rows)

    async def change(self, code_id: int, patch: CodePatch) -> GroupCode:
        """Change what the patch names, at WeCom first."""
        code = await self.get(code_id)
        given = patch.model_dump(exclude_none=True)
        fields = CodeFields.model_validate({name: getattr(code, name) for name in FIELDS} | given)
        self._segments.check(fields.segment)
        await self._check_groups([*fields.chat_ids, *fields.spares])
        if code.status != CodeStatus.ACTIVE or code.config_id is None:
            raise Conflict("这个入群活码还没有做好，请稍后再改；做不成的请删除后重建")
        columns = _columns(fields)
        for name, value in columns.items():
            setattr(code, name, value)
        await self._client.group_chats.update_join_way(code.config_id, **_body(code))
        named = {name: value for name, value in columns.items() if name in given}
        await self._write(code_id, **named, error=None, look_at=self._clock.now() + _LOOK)
        written = await self.get(code_id)
        if _body(written) != _body(code):  # somebody else changed the rest meanwhile
            await self._client.group_chats.update_join_way(code.config_id, **_body(written))
        return written

    async def delete(self, code_id: int) -> None:
        """Delete it; who scans the picture afterwards is told by WeChat that it is void."""
        code = await self.get(code_id)
        if code.config_id:
            await self._client.group_chats.delete_join_way(code.config_id)
        await self._write(
            code_id, status=CodeStatus.DELETED, look_at=None, deleted_at=self._clock.now()
        )

    async def tend(self) -> None:
        """Finish what was not made, learn of groups that WeCom opened, replace full ones."""
        for code in await self._due():
            if (until := await self._take(code)) is None:
                continue
            code.look_at = until
            try:
                if code.status == CodeStatus.CREATING:
                    await self._make(code)
                else:
                    await self._turn(code)
            except WeComError as error:
                again = _AGAIN if isinstance(error, RetryLater) else _AGAIN_REFUSED
                await self._write(code.id, error=_reason(error), look_at=self._clock.now() + again)
                loggers.groups.warning("a code was put off", code=code.id, why=error.message)

    async def _due(self) -> list[GroupCode]:
        """Codes whose time has come, and those with a group that has filled since."""
        now = self._clock.now()
        async with self._database.read() as session:
            codes = await session.scalars(
                select(GroupCode).where(
                    or_(
                        GroupCode.status == CodeStatus.ACTIVE,
                        (GroupCode.status == CodeStatus.CREATING) & (GroupCode.look_at <= now),
                    )
                )
            )
            rows = list(codes)
            sizes = await self._sizes({chat for code in rows for chat in code.chat_ids}, session)
        return [code for code in rows if code.look_at is None or code.look_at <= now] + [
            code
            for code in rows
            if code.look_at and code.look_at > now and self._has_news(code, sizes)
        ]

    def _has_news(self, code: GroupCode, sizes: Mapping[str, int]) -> bool:
        room = _room(code, sizes)
        return any(not room[chat] and chat not in code.filled for chat in code.chat_ids)

    async def _sizes(self, chat_ids: set[str], session: AsyncSession) -> dict[str, int]:
        """Members of each group; -1 of one that is over."""
        rows = await session.execute(
            select(CustomerGroup.chat_id, CustomerGroup.members, CustomerGroup.state).where(
                CustomerGroup.chat_id.in_(chat_ids)
            )
        )
        return {
            chat_id: members if state == GroupState.ACTIVE else -1
            for chat_id, members, state in rows
        }

    async def _take(self, code: GroupCode) -> datetime | None:
        """Another replica may be at it: whoever moves `look_at` has the code until then."""
        until = self._clock.now() + _MAKING
        async with self._database.write() as session:
            taken = await session.scalar(
                update(GroupCode)
                .where(GroupCode.id == code.id, GroupCode.look_at == code.look_at)
                .values(look_at=until)
                .returning(GroupCode.id)
                .execution_options(synchronize_session=False)
            )
        return None if taken is None else until

    async def _turn(self, code: GroupCode) -> None:
        way = join_way_of(await self._client.group_chats.join_way(code.config_id or ""))
        opened = await self._learn(code, way)
        behind = list(way.chat_ids or code.chat_ids)
        async with self._database.read() as session:
            sizes = await self._sizes({*behind, *code.spares}, session)
        lineup = line_up(behind, code.spares, _room(code, sizes))
        code.chat_ids, code.spares = list(lineup.behind), list(lineup.spares)
        code.base_id += len(opened)
        if tuple(behind) != lineup.behind:
            await self._client.group_chats.update_join_way(code.config_id or "", **_body(code))
            loggers.groups.info("a code lets people into the next group", code=code.id)
        full = [chat for chat in behind if not _room(code, sizes).get(chat, True)]
        kept = await self._write(
            code.id,
            GroupCode.look_at == code.look_at,
            chat_ids=code.chat_ids,
            spares=code.spares,
            filled=list(dict.fromkeys([*code.filled, *lineup.filled, *full])),
            base_id=code.base_id,
            qr_code=way.qr_code or code.qr_code,
            error=_shortage(code) if lineup.exhausted else None,
            look_at=self._clock.now() + _LOOK,
        )
        if not kept:
            await self._put_right(code.id)
        elif lineup.exhausted:
            await self._tell_shortage(code)

    async def _put_right(self, code_id: int) -> None:
        """Somebody changed the code while it was turned: what they wrote counts."""
        async with self._database.read() as session:
            code = await session.get_one(GroupCode, code_id)
        if code.status == CodeStatus.ACTIVE:
            await self._client.group_chats.update_join_way(code.config_id or "", **_body(code))
            await self._write(code_id, look_at=self._clock.now())

    async def _learn(self, code: GroupCode, way: JoinWay) -> list[str]:
        """Groups that WeCom opened behind the code are for what the code is for."""
        known = {*code.chat_ids, *code.spares, *code.filled}
        opened = [chat for chat in way.chat_ids if chat not in known]
        now = self._clock.now()
        for chat_id in opened:
            async with self._database.write() as session:
                await self._adopt(session, code, chat_id)
                await want_reading(session, chat_id, due_at=now)
        return opened

    async def _adopt(self, session: AsyncSession, code: GroupCode, chat_id: str) -> None:
        group = await ensure_group(session, chat_id, now=self._clock.now())
        segment = self._segments.get(code.segment)
        meant = bool(code.segment)
        group.segment = group.segment or code.segment
        group.purpose = group.purpose or code.purpose or (segment.purpose if meant else "")
        group.rules = group.rules or code.rules or (segment.rules if meant else "")
        tagged = await session.scalar(
            select(GroupTag.name).where(GroupTag.chat_id == chat_id).limit(1)
        )
        if not tagged:
            await set_tags(session, chat_id, code.tags)

    async def _tell_shortage(self, code: GroupCode) -> None:
        async with self._database.write() as session:
            group = await session.get(CustomerGroup, code.chat_ids[-1])
            if group is None or not group.owner:
                return
            await tell_guide(
                session,
                group.owner,
                f"入群活码「{code.name}」的群都满了。{_shortage(code)}",
                kind="group_code",
                about=f"{code.id}|{','.join(code.chat_ids)}",
                now=self._clock.now(),
            )

    async def _write(self, code_id: int, *only: ColumnElement[bool], **values: Any) -> bool:
        """False when the code is not as it `only` may be."""
        async with self._database.write() as session:
            written = await session.scalar(
                update(GroupCode)
                .where(GroupCode.id == code_id, *only)
                .values(updated_at=self._clock.now(), **values)
                .returning(GroupCode.id)
            )
        return written is not None


def _room(code: GroupCode, sizes: Mapping[str, int]) -> dict[str, bool]:
    return {chat: 0 <= size < code.best_size for chat, size in sizes.items()}


def _shortage(code: GroupCode) -> str:
    if code.auto_create:
        return f"企业微信会自动建下一个群「{code.base_name or code.name}{code.base_id}」"
    return "请新建一个客户群，并在入群活码里加为备用群"


def _body(code: GroupCode) -> dict[str, Any]:
    """WeCom: an update replaces everything, so everything is always said."""
    return {
        "scene": _QR,
        "remark": code.remark,
        "auto_create_room": int(code.auto_create),
        "room_base_name": code.base_name or code.name[:40],
        "room_base_id": code.base_id,
        "chat_id_list": list(code.chat_ids),
        "state": code.state,
    }


def _columns(fields: CodeFields) -> dict[str, Any]:
    written = fields.model_dump(mode="json")
    return {name: written[name] for name in FIELDS}


def _reason(error: WeComError) -> str:
    return "；".join(filter(None, (error.message, error.hint)))
