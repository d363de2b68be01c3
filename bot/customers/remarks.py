"""What a guide notes about a customer, changed through the API and known here at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import update

from bot.clock import Clock
from bot.customers.same_person import lock_customer
from bot.errors import NotFound, Unprocessable
from bot.store.contact_tables import Follow
from bot.store.database import Database
from bot.wecom.client import WeComClient

MAX_REMARK, MAX_DESCRIPTION = 20, 150


class Remarks:
    """Sets remarks. WeCom sends no callback for what the API changed."""

    def __init__(self, database: Database, client: WeComClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock

    async def change(
        self,
        userid: str,
        external_userid: str,
        *,
        remark: str | None = None,
        description: str | None = None,
        mobiles: list[str] | None = None,
    ) -> None:
        """Set what is given; raises `NotFound` for a pair that is none."""
        async with self._database.read() as session:
            if await session.get(Follow, (userid, external_userid)) is None:
                raise NotFound(f"导购 {userid} 没有跟进这位客户")
        fields = _checked(remark, description, mobiles)
        await self._client.contacts.change_remark(userid, external_userid, **fields)
        await self._write(userid, external_userid, fields, self._clock.now())

    async def _write(
        self, userid: str, external_userid: str, fields: dict[str, Any], now: datetime
    ) -> None:
        values = {name: value for name, value in fields.items() if name != "remark_mobiles"}
        if "remark_mobiles" in fields:
            values["remark_mobiles"] = [one for one in fields["remark_mobiles"] if one]
        async with self._database.write() as session:
            await lock_customer(session, external_userid)
            await session.execute(
                update(Follow)
                .where(Follow.userid == userid, Follow.external_userid == external_userid)
                .values(read_at=now, **values)
            )


def _checked(
    remark: str | None, description: str | None, mobiles: list[str] | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if remark is not None:
        if len(remark) > MAX_REMARK:
            raise Unprocessable(f"备注太长：最多 {MAX_REMARK} 个字")
        fields["remark"] = remark
    if description is not None:
        if len(description) > MAX_DESCRIPTION:
            raise Unprocessable(f"描述太长：最多 {MAX_DESCRIPTION} 个字")
        fields["description"] = description
    if mobiles is not None:
        fields["remark_mobiles"] = mobiles or [""]  # WeCom: [""] clears them
    if not fields:
        raise Unprocessable("备注、描述、电话至少要有一项")
    return fields
