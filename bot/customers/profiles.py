"""Customers as they first appear, and their profiles from WeCom."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot import loggers
from bot.clock import Clock
from bot.customers.erasures import note_return
from bot.customers.parked import unpark
from bot.delivery.rounds import Rounds
from bot.errors import MendSettings, WeComError
from bot.store.database import Database
from bot.store.tables import Customer, StageMove
from bot.store.upsert import insert_new
from bot.wecom.client import WeComClient
from bot.wecom.storable import storable

_BATCH = 100  # WeCom: kf/customer/batchget takes at most 100 ids
_RETRY = timedelta(minutes=2)
_RETRY_SETTINGS = timedelta(minutes=30)


async def meet(
    session: AsyncSession, ids: Collection[str], *, stage: str, now: datetime
) -> list[str]:
    """Make sure that these customers exist; returns those met for the first time."""
    rows = [
        {
            "external_userid": external_userid,
            "name": "",
            "avatar": "",
            "gender": 0,
            "stage": stage,
            "stage_since": now,
            "tags": [],
            "first_seen_at": now,
            "profile_due_at": now,
        }
        for external_userid in sorted(ids)
    ]
    new = await insert_new(
        session,
        Customer,
        rows,
        unique=["external_userid"],
        returning=Customer.external_userid,
    )
    if not new:
        return []
    first: dict[str, Any] = {"from_stage": None, "to_stage": stage, "cause": "first_seen"}
    await session.execute(
        insert(StageMove),
        [{"external_userid": who, "detail": "", "at": now, **first} for who in new],
    )
    await unpark(session, external_userids=new)
    await note_return(session, new, now=now)
    return new


class ProfileReader(Rounds):
    """Fetches the profiles of customers that we only know by id.

    WeCom: `kf/customer/batchget` answers only for those who wrote within 48 h. Whoever became
    known as a contact while it was asked keeps what a contact's own record says.
    """

    def __init__(self, database: Database, client: WeComClient, clock: Clock) -> None:
        super().__init__()
        self._database = database
        self._client = client
        self._clock = clock

    async def round(self) -> bool:
        """Read one batch; False when none is due."""
        ids = await self._due()
        if not ids:
            return False
        try:
            answer = await self._client.kf.batchget_customer(list(ids))
        except WeComError as error:
            loggers.customers.warning("profiles were put off", exc_info=error, count=len(ids))
            await self._put_off(
                ids, _RETRY_SETTINGS if isinstance(error, MendSettings) else _RETRY
            )
            return False
        await self._save(ids, answer.get("customer_list") or [])
        return len(ids) == _BATCH

    async def _due(self) -> Sequence[str]:
        async with self._database.read() as session:
            return (
                await session.scalars(
                    select(Customer.external_userid)
                    .where(Customer.profile_due_at <= self._clock.now())
                    .order_by(Customer.profile_due_at)
                    .limit(_BATCH)
                )
            ).all()

    async def _put_off(self, ids: Sequence[str], pause: timedelta) -> None:
        async with self._database.write() as session:
            await session.execute(
                update(Customer)
                .where(Customer.external_userid.in_(ids))
                .values(profile_due_at=self._clock.now() + pause)
            )

    async def _save(self, ids: Sequence[str], answered: Sequence[Any]) -> None:
        profiles = [storable(profile) for profile in answered if isinstance(profile, Mapping)]
        async with self._database.write() as session:
            await unpark(session, unionids=[_unionid(profile) for profile in profiles])
            for profile in profiles:
                if known := _known(profile):
                    await session.execute(
                        update(Customer)
                        .where(
                            Customer.external_userid == str(profile.get("external_userid") or ""),
                            Customer.profile_due_at.is_not(None),
                        )
                        .values(known)
                    )
            await session.execute(
                update(Customer)
                .where(Customer.external_userid.in_(ids))
                .values(profile_due_at=None)
            )


def _known(profile: Mapping[str, Any]) -> dict[str, Any]:
    """What the profile says; what it leaves out may be known from elsewhere, and stays."""
    gender = profile.get("gender")
    said = {
        "name": str(profile.get("nickname") or "")[:128],
        "avatar": str(profile.get("avatar") or "")[:512],
        "gender": gender if gender in (1, 2) else 0,
        "unionid": _unionid(profile),
    }
    return {field: value for field, value in said.items() if value}


def _unionid(profile: Mapping[str, Any]) -> str | None:
    unionid = profile.get("unionid")
    return unionid[:64] if isinstance(unionid, str) and unionid else None
