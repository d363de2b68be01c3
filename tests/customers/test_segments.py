"""Segments: nested conditions, the same answer from SQL and from known facts, greetings."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from corp import START
from pydantic import ValidationError
from sqlalchemy import select

from bot.clock import ManualClock
from bot.customers.contact_events import apply_change
from bot.customers.follows import FollowChange
from bot.customers.greeting_content import GreetingContent
from bot.customers.profiles import meet
from bot.customers.segment_facts import Facts, belongs
from bot.customers.segments import (
    MOST_DEPTH,
    About,
    Condition,
    Group,
    Rule,
    holds,
    save_segment,
    saved_rule,
)
from bot.customers.shop_greetings import GreetingEdit, ShopGreetings
from bot.errors import NotFound, Unprocessable
from bot.settings import GreetingSettings
from bot.store.contact_tables import CorpTag, FollowTag
from bot.store.database import Database
from bot.store.tables import Conversation, Customer

STAGES, TAGS, CHANNELS = ("icebreak", "discover", "won"), ("会员", "妈妈"), ("door", "live")
VALUES: dict[About, tuple[str, ...]] = {
    About.STAGE: STAGES,
    About.TAG: TAGS,
    About.CHANNEL: CHANNELS,
    About.OPTED_OUT: ("",),
    About.QUIET: ("3", "30"),
}


def any_condition(dice: random.Random) -> Condition:
    about = dice.choice(list(About))
    return Condition(about=about, value=dice.choice(VALUES[about]), negate=dice.random() < 0.3)


def any_group(dice: random.Random, depth: int) -> Group:
    inner = dice.randint(0, 2) if depth > 1 else 0
    return Group(
        every=dice.random() < 0.5,
        negate=dice.random() < 0.3,
        conditions=[any_condition(dice) for _ in range(dice.randint(0 if inner else 1, 3))],
        groups=[any_group(dice, depth - 1) for _ in range(inner)],
    )


def any_rule(dice: random.Random) -> Rule:
    groups = [any_group(dice, MOST_DEPTH) for _ in range(dice.randint(1, 3))]
    return Rule(every=dice.random() < 0.5, groups=groups)


async def people(database: Database, dice: random.Random) -> dict[str, Facts]:
    """Some customers in the store, each with the facts about them."""
    found = {}
    async with database.write() as session:
        for tag in TAGS:
            session.add(CorpTag(tag_id=f"et{tag}", group_id="g", name=tag, read_at=START))
        for number in range(24):
            who = f"wm{number:02}"
            facts = Facts(
                stage=dice.choice(STAGES),
                tags=frozenset(tag for tag in TAGS if dice.random() < 0.4),
                channels=frozenset(one for one in CHANNELS if dice.random() < 0.3),
                opted_out=dice.random() < 0.2,
                spoke_at=dice.choice([None, START - timedelta(days=dice.randint(0, 60))]),
            )
            await meet(session, [who], stage=facts.stage, now=START)
            row = await session.get_one(Customer, who)
            row.opted_out_at = START if facts.opted_out else None
            row.tags = sorted(facts.tags)
            for guide, channel in enumerate(sorted(facts.channels) or [""]):
                await apply_change(
                    session, f"g{guide}", who, FollowChange.ADDED, at=START, channel=channel
                )
            session.add_all(
                FollowTag(tag_id=f"et{tag}", external_userid=who, userid="g0")
                for tag in facts.tags
            )
            if facts.spoke_at:
                session.add(
                    Conversation(
                        kind="kf", peer="wk", external_userid=who, last_inbound_at=facts.spoke_at
                    )
                )
            found[who] = facts
    return found


async def test_nested_rules_mean_the_same_in_sql_and_by_facts(database: Database) -> None:
    dice = random.Random(20261122)
    facts = await people(database, dice)
    some = 0
    async with database.read() as session:
        for _ in range(50):
            rule = any_rule(dice)
            ids = await session.scalars(
                select(Customer.external_userid).where(holds(rule, now=START))
            )
            by_facts = {who for who, one in facts.items() if belongs(rule, one, now=START)}
            assert set(ids) == by_facts, rule.model_dump_json()
            some += 0 < len(by_facts) < len(facts)
    assert some > 15  # the rules tell people apart


async def test_a_nested_rule_is_kept_without_its_blanks(database: Database) -> None:
    blank = Condition(about=About.TAG, value="")
    inner = Group(every=False, conditions=[Condition(value="won"), blank])
    rule = Rule(groups=[Group(negate=True, conditions=[blank], groups=[inner, Group()])])
    async with database.write() as session:
        number = await save_segment(session, "买过的以外", rule, by="老板", now=START)
    async with database.read() as session:
        name, kept = await saved_rule(session, number)
    assert name == "买过的以外"
    [group] = kept.groups
    assert (group.negate, group.conditions) == (True, [])
    assert [one.value for one in group.groups[0].conditions] == ["won"]


def test_groups_are_not_nested_without_end() -> None:
    group = Group(conditions=[Condition(value="won")])
    for _ in range(MOST_DEPTH):
        group = Group(groups=[group])
    with pytest.raises(ValidationError, match="最多套"):
        Rule(groups=[group])


async def test_what_operators_say_wins_over_the_settings(
    database: Database, clock: ManualClock
) -> None:
    own = GreetingSettings(default_text="配置里的话", returning_lead="回来啦")
    book = ShopGreetings(database, clock, own, {"store_phone"})
    other = ShopGreetings(database, clock, own, {"store_phone"})  # another replica
    assert (await other.words()).text == "配置里的话"
    words = await book.edit(
        GreetingEdit(text="{customer_name}，改过的话", attachments=[{"image": "a.png"}]), by="li"
    )
    assert (words.text, words.returning_lead) == ("{customer_name}，改过的话", "回来啦")
    assert (words.edited, words.edited_by) == ({"text", "attachments"}, "li")
    clock.turn(seconds=3)
    assert (await other.words()).text == words.text
    back = await book.edit(GreetingEdit(text=None, shared_text="见过"), by="li")
    assert (back.text, back.content.shared_text) == ("配置里的话", "见过")
    with pytest.raises(Unprocessable, match="vip"):
        await book.edit(GreetingEdit(returning_text="{vip}你好"), by="li")
    with pytest.raises(Unprocessable, match="附件"):
        await book.edit(GreetingEdit(attachments=[{"sound": "a.mp3"}]), by="li")


async def test_greetings_of_segments_are_tried_in_their_order(
    ledger: Database, clock: ManualClock
) -> None:
    book = ShopGreetings(ledger, clock, GreetingSettings())
    rule = Rule(groups=[Group(conditions=[Condition(value="won")])])
    async with ledger.write() as session:
        ids = [
            await save_segment(session, name, rule, by="li", now=START) for name in ("甲", "乙")
        ]
    for number in ids:
        await book.edit_segment(number, GreetingContent(text=f"第{number}"), by="li")
    assert [one.name for one in (await book.words()).segments] == ["甲", "乙"]
    await book.edit_segment(ids[1], GreetingContent(text="先说乙"), place=0, by="li")
    assert [one.name for one in (await book.words()).segments] == ["乙", "甲"]
    await book.edit_segment(ids[0], None, by="li")
    assert [one.content.text for one in (await book.words()).segments] == ["先说乙"]
    with pytest.raises(Unprocessable, match="空"):
        await book.edit_segment(ids[0], GreetingContent(), by="li")
    with pytest.raises(NotFound):
        await book.edit_segment(999, None, by="li")
