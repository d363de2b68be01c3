"""Contacts as WeCom lists them, written in bulk: only what is new or changed costs a write."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.customers.erasures import erased_among
from bot.customers.follow_rows import of_pairs, standing_of, standing_values
from bot.customers.follows import read
from bot.customers.parked import unpark
from bot.customers.same_person import lock_customers
from bot.customers.tag_names import hold_tag_names, refresh_tag_names, tag_labels
from bot.customers.tag_rows import add_tag_rows, note_tag_changes, write_tags
from bot.customers.tally import Tally
from bot.store.contact_tables import ContactCard, Follow, FollowTag
from bot.store.tables import Customer, StageMove
from bot.store.upsert import insert_new, insert_new_keys
from bot.wecom.contacts import Contact, Pair, Relation

Key = tuple[str, str]


@dataclass(slots=True)
class Stored:
    """What storing a page did."""

    customers: Tally = field(default_factory=Tally)
    follows: Tally = field(default_factory=Tally)


async def store_pairs(
    session: AsyncSession,
    pairs: Sequence[Pair],
    *,
    stage: str,
    asked_at: datetime,
    now: datetime,
    sweep: int | None = None,
    watch: bool = True,
) -> Stored:
    """Write what WeCom said at `asked_at`; anything that we know from later is left alone.

    `stage` is where new customers begin; `watch` records tag changes of relations known before.
    """
    by_key = {(pair.relation.userid, pair.contact.external_userid): pair for pair in pairs}
    by_key = await _without_erased(session, by_key)
    if not by_key:
        return Stored(follows=Tally(seen=len(pairs)))
    contacts = {pair.contact.external_userid: pair.contact for pair in by_key.values()}
    contacts = dict(sorted(contacts.items()))
    page = _Page(session, by_key, contacts, stage, asked_at, now, sweep, watch)
    return await page.store()


async def _without_erased(session: AsyncSession, by_key: Mapping[Key, Pair]) -> dict[Key, Pair]:
    erased = await erased_among(session, {who for _, who in by_key})
    return {key: pair for key, pair in by_key.items() if key[1] not in erased}


class _Page:
    """One page on its way into the store."""

    def __init__(
        self,
        session: AsyncSession,
        pairs: Mapping[Key, Pair],
        contacts: Mapping[str, Contact],
        stage: str,
        asked_at: datetime,
        now: datetime,
        sweep: int | None,
        watch: bool,
    ) -> None:
        self._session = session
        self._pairs = pairs
        self._contacts = contacts
        self._stage = stage
        self._asked_at = asked_at
        self._now = now
        self._sweep = sweep
        self._watch = watch
        self._stored = Stored(follows=Tally(seen=len(pairs)))
        self._touched: set[str] = set()
        self._fresh: set[str] = set()

    async def store(self) -> Stored:
        await hold_tag_names(self._session)
        await self._customers()
        await self._follows()
        await refresh_tag_names(self._session, self._touched)
        await set_channels(self._session, self._touched)
        return self._stored

    async def _customers(self) -> None:
        known = await self._known_customers()
        new = [one for who, one in self._contacts.items() if who not in known]
        await self._insert_customers(await self._without_just_erased(new))
        changed = [
            values
            for who, one in self._contacts.items()
            if who in known and (values := _customer_changes(known[who], one))
        ]
        if changed:
            await self._session.execute(update(Customer), changed)
            self._stored.customers.changed += len(changed)
            await unpark(self._session, unionids=[one["unionid"] for one in changed])
        await self._cards()

    async def _without_just_erased(self, contacts: Sequence[Contact]) -> Sequence[Contact]:
        """Whoever is known is locked by now; who is not may have been erased meanwhile."""
        erased = await erased_among(self._session, {one.external_userid for one in contacts})
        if not erased:
            return contacts
        self._pairs = {key: pair for key, pair in self._pairs.items() if key[1] not in erased}
        self._contacts = {who: one for who, one in self._contacts.items() if who not in erased}
        return [one for one in contacts if one.external_userid not in erased]

    async def _known_customers(self) -> dict[str, Any]:
        """Locked in the order of their ids, so that no two pages wait for each other."""
        rows = await self._session.execute(
            select(
                Customer.external_userid,
                Customer.name,
                Customer.avatar,
                Customer.gender,
                Customer.unionid,
            )
            .where(Customer.external_userid.in_(self._contacts))
            .order_by(Customer.external_userid)
            .with_for_update(key_share=True)
        )
        return {row.external_userid: row for row in rows.all()}

    async def _insert_customers(self, contacts: Sequence[Contact]) -> None:
        if not contacts:
            return
        borne = await self._borne({contact.external_userid for contact in contacts})
        new = await insert_new(
            self._session,
            Customer,
            [self._customer_row(contact, *borne[contact.external_userid]) for contact in contacts],
            unique=["external_userid"],
            returning=Customer.external_userid,
        )
        if len(new) < len(contacts):
            await lock_customers(self._session, borne)  # met by somebody else meanwhile
        if not new:
            return
        await self._session.execute(
            insert(StageMove),
            [
                {
                    "external_userid": who,
                    "from_stage": None,
                    "to_stage": self._stage,
                    "cause": "first_seen",
                    "detail": "",
                    "at": self._now,
                }
                for who in new
            ],
        )
        self._fresh = set(new)
        self._stored.customers.added += len(new)
        unions = [self._contacts[who].unionid for who in new]
        await unpark(self._session, external_userids=new, unionids=unions)

    async def _borne(self, ids: set[str]) -> dict[str, tuple[list[str], str | None]]:
        """The tag names and the channel with which new customers come."""
        theirs = [pair for pair in self._pairs.values() if pair.contact.external_userid in ids]
        theirs.sort(key=lambda pair: (pair.relation.since or self._now, pair.relation.userid))
        names = await tag_labels(
            self._session, {one for pair in theirs for one in pair.relation.tag_ids}
        )
        tags: dict[str, set[str]] = {who: set() for who in ids}
        channels: dict[str, str] = {}
        for pair in theirs:
            who, relation = pair.contact.external_userid, pair.relation
            tags[who].update(names[one] for one in relation.tag_ids if one in names)
            if relation.state:
                channels.setdefault(who, relation.state)
        return {who: (sorted(tags[who]), channels.get(who)) for who in ids}

    def _customer_row(
        self, contact: Contact, tags: list[str], channel: str | None
    ) -> dict[str, Any]:
        return {
            "external_userid": contact.external_userid,
            "name": contact.name,
            "avatar": contact.avatar,
            "gender": contact.gender,
            "unionid": contact.unionid,
            "stage": self._stage,
            "stage_since": self._now,
            "tags": tags,
            "channel": channel,
            "first_seen_at": self._now,
            "profile_due_at": None,
        }

    async def _cards(self) -> None:
        cards = {who: dict(one.card) for who, one in self._contacts.items() if one.card}
        for who, body in cards.items():
            await self._session.merge(ContactCard(external_userid=who, body=body))

    async def _follows(self) -> None:
        known = await self._known_follows()
        tags = await self._known_tags() if known else {}
        new = [key for key in self._pairs if key not in known]
        inserted = await self._insert_follows(new)
        same: list[Key] = []
        for key, follow in known.items():
            relation = self._pairs[key].relation
            values = self._changes(follow, relation)
            wanted = self._wanted_tags(follow, relation, tags.get(key, set()))
            if not values and wanted is None:
                same.append(key)
                continue
            await self._change(key, values)
            if wanted is not None:
                await self._change_tags(key, tags.get(key, set()), wanted)
            self._stored.follows.changed += 1
            self._touched.add(key[1])
        await self._tag_new(inserted)
        await self._mark_seen(same)

    async def _known_follows(self) -> dict[Key, Follow]:
        rows = await self._session.scalars(select(Follow).where(of_pairs(Follow, self._pairs)))
        return {(row.userid, row.external_userid): row for row in rows}

    async def _known_tags(self) -> dict[Key, set[str]]:
        rows = await self._session.execute(
            select(FollowTag.userid, FollowTag.external_userid, FollowTag.tag_id).where(
                of_pairs(FollowTag, self._pairs)
            )
        )
        found: dict[Key, set[str]] = {}
        for userid, who, tag_id in rows:
            found.setdefault((userid, who), set()).add(tag_id)
        return found

    async def _insert_follows(self, keys: Sequence[Key]) -> list[Key]:
        rows = []
        for key in keys:
            relation = self._pairs[key].relation
            standing = read(None, since=relation.since or self._now, channel=relation.state)
            rows.append(
                {
                    "userid": key[0],
                    "external_userid": key[1],
                    **standing_values(standing),
                    **_details(relation),
                    "personal_tags": list(relation.personal_tags or ()),
                    "read_at": self._asked_at,
                    "sweep": self._sweep,
                }
            )
        inserted = await insert_new_keys(
            self._session,
            Follow,
            rows,
            unique=["userid", "external_userid"],
            returning=[Follow.userid, Follow.external_userid],
        )
        return [(userid, who) for userid, who in inserted]

    def _changes(self, follow: Follow, relation: Relation) -> dict[str, Any]:
        standing = standing_of(follow)
        after = read(standing, since=relation.since, channel=relation.state)
        values = standing_values(after) if after != standing else {}
        if follow.read_at and follow.read_at > self._asked_at:
            return values
        details = _details(relation)
        if relation.personal_tags is not None:
            details["personal_tags"] = list(relation.personal_tags)
        return values | {
            name: value for name, value in details.items() if getattr(follow, name) != value
        }

    def _wanted_tags(self, follow: Follow, relation: Relation, known: set[str]) -> set[str] | None:
        if follow.read_at and follow.read_at > self._asked_at:
            return None
        wanted = set(relation.tag_ids)
        return wanted if wanted != known else None

    async def _change(self, key: Key, values: Mapping[str, Any]) -> None:
        await self._session.execute(
            update(Follow)
            .where(Follow.userid == key[0], Follow.external_userid == key[1])
            .values(
                **values,
                read_at=self._asked_at,
                **({} if self._sweep is None else {"sweep": self._sweep}),
            )
            .execution_options(synchronize_session=False)
        )

    async def _change_tags(self, key: Key, known: set[str], wanted: set[str]) -> None:
        await write_tags(self._session, key, add=wanted - known, remove=known - wanted)
        if self._watch:
            await note_tag_changes(
                self._session,
                key,
                add=wanted - known,
                remove=known - wanted,
                cause="wecom",
                because="企业微信里的改动",
                now=self._now,
            )

    async def _tag_new(self, keys: Iterable[Key]) -> None:
        rows = []
        for userid, who in keys:
            self._stored.follows.added += 1
            if who not in self._fresh:
                self._touched.add(who)
            rows += [
                {"tag_id": tag_id, "external_userid": who, "userid": userid}
                for tag_id in self._pairs[userid, who].relation.tag_ids
            ]
        await add_tag_rows(self._session, rows)

    async def _mark_seen(self, keys: Sequence[Key]) -> None:
        if not keys or self._sweep is None:
            return
        await self._session.execute(
            update(Follow)
            .where(of_pairs(Follow, keys))
            .values(sweep=self._sweep)
            .execution_options(synchronize_session=False)
        )


def _customer_changes(known: Any, contact: Contact) -> dict[str, Any] | None:
    after = replace(
        contact,
        name=contact.name or known.name,
        avatar=contact.avatar or known.avatar,
        gender=contact.gender or known.gender,
        unionid=contact.unionid or known.unionid,
    )
    names = ("name", "avatar", "gender", "unionid")
    if all(getattr(after, name) == getattr(known, name) for name in names):
        return None
    changes = {name: getattr(after, name) for name in names}
    return changes | {"external_userid": contact.external_userid, "profile_due_at": None}


def _details(relation: Relation) -> dict[str, Any]:
    return {
        "remark": relation.remark,
        "description": relation.description,
        "remark_corp_name": relation.remark_corp_name,
        "remark_mobiles": list(relation.remark_mobiles),
        "add_way": relation.add_way,
        "oper_userid": relation.oper_userid,
        "extra": dict(relation.extra),
    }


async def set_channels(session: AsyncSession, ids: Collection[str]) -> None:
    """A customer's channel is that of their earliest relation that has one."""
    if not ids:
        return
    first = (
        select(Follow.channel_state)
        .where(Follow.external_userid == Customer.external_userid, Follow.channel_state != "")
        .order_by(Follow.since, Follow.userid)
        .limit(1)
        .scalar_subquery()
    )
    came = select(Follow.external_userid).where(
        Follow.external_userid.in_(sorted(ids)), Follow.channel_state != ""
    )
    await session.execute(
        update(Customer)
        .where(Customer.external_userid.in_(came))
        .values(channel=first)
        .execution_options(synchronize_session=False)
    )
