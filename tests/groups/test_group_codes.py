"""Codes that let people into the group with room, and into the next one when it fills."""

from __future__ import annotations

import pytest
from group_fixtures import KAI, LIN, MAY, QING, SHAN, TUAN, ZHOU, Shop
from group_fixtures import shop as shop
from group_fixtures import small_shop as small_shop
from hypothesis import given
from hypothesis import strategies as st
from meanwhile import Meanwhile
from meanwhile import meanwhile as meanwhile
from sqlalchemy import update

from bot.errors import GiveUp, NotFound, UnknownOutcome, Unprocessable
from bot.groups.code_draft import CodeDraft, CodePatch, line_up
from bot.groups.listing import show_group
from bot.sandbox import Fault, gatherings
from bot.store.channel_tables import GuideNotice
from bot.store.group_tables import GroupCode

ADD = "externalcontact/groupchat/add_join_way"


async def test_a_code_is_made_with_its_picture_and_base_name(shop: Shop) -> None:
    chat = shop.open("福利1群")
    await shop.settle()
    code = await shop.groups.codes.create(
        CodeDraft(name="门店海报", chat_ids=[chat], base_name="福利群", base_id=2)
    )
    assert code.status == "active" and code.config_id and "/wwpic/" in code.qr_code
    [made] = shop.calls("groupchat/add_join_way")
    assert (made["room_base_name"], made["room_base_id"]) == ("福利群", 2)
    assert (made["auto_create_room"], made["scene"], made["state"]) == (1, 2, code.state)
    gatherings.scan(shop.platform, LIN, code.config_id)
    await shop.settle()
    assert await shop.inside(chat) == {QING, LIN}


async def test_a_full_group_gives_way_to_the_next(shop: Shop) -> None:
    first, spare = shop.open("福利1群"), shop.open("福利2群")
    await shop.settle()
    code = await shop.groups.codes.create(
        CodeDraft(name="海报", chat_ids=[first], spares=[spare], best_size=3)
    )
    for who in (LIN, MAY):
        gatherings.scan(shop.platform, who, code.config_id or "")
    await shop.settle()
    await shop.groups.keeper.round()
    turned = await shop.groups.codes.get(code.id)
    assert (turned.chat_ids, turned.spares, turned.filled) == ([spare], [], [first])
    gatherings.scan(shop.platform, ZHOU, code.config_id or "")
    await shop.settle()
    assert await shop.inside(spare) == {QING, ZHOU}
    assert await shop.count(GuideNotice) == 0


async def test_groups_that_wecom_opens_are_for_what_the_code_is_for(shop: Shop) -> None:
    first = shop.open("宝妈1群")
    await shop.settle()
    code = await shop.groups.codes.create(
        CodeDraft(
            name="宝妈码",
            chat_ids=[first],
            base_name="宝妈群",
            base_id=2,
            best_size=3,
            segment="mothers",
            tags=["南京路店"],
        )
    )
    for who in (LIN, MAY):
        gatherings.scan(shop.platform, who, code.config_id or "", closes_at=3)
    await shop.settle()
    await shop.groups.keeper.round()
    [notice] = await shop.rows(GuideNotice, GuideNotice.kind == "group_code")
    assert "宝妈群2" in notice.text
    opened = gatherings.scan(shop.platform, ZHOU, code.config_id or "", closes_at=3)
    assert opened.name == "宝妈群2"
    await shop.settle()
    shop.clock.turn(minutes=11)
    await shop.groups.keeper.round()
    await shop.settle()
    turned = await shop.groups.codes.get(code.id)
    assert (turned.chat_ids, turned.base_id, turned.error) == ([opened.chat_id], 3, None)
    async with shop.database.read() as session:
        listed = await show_group(session, opened.chat_id)
    assert (listed.group.name, listed.group.segment) == ("宝妈群2", "mothers")
    assert listed.group.purpose and listed.tags == ["南京路店"]
    for who in (SHAN, KAI, TUAN):
        last = gatherings.scan(shop.platform, who, code.config_id or "", closes_at=3)
    assert last.name == "宝妈群3"  # the numbers go on though the code was replaced in between


async def test_a_dismissed_group_is_taken_from_behind_the_code(small_shop: Shop) -> None:
    shop = small_shop
    first, second = shop.open("1群"), shop.open("2群")
    await shop.settle()
    code = await shop.groups.codes.create(CodeDraft(name="海报", chat_ids=[first, second]))
    gatherings.dismiss(shop.platform, first)
    await shop.settle()
    await shop.groups.keeper.round()
    assert (await shop.groups.codes.get(code.id)).chat_ids == [second]


async def test_a_lost_answer_makes_the_code_anew(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("1群")
    await shop.settle()
    shop.platform.faults.set(Fault.LOST_ANSWER, times=1, api=ADD)
    with pytest.raises(UnknownOutcome):
        await shop.groups.codes.create(CodeDraft(name="海报", chat_ids=[chat]))
    [code] = await shop.rows(GroupCode)
    assert (code.status, code.config_id) == ("creating", None)
    shop.clock.turn(minutes=2)
    await shop.groups.keeper.round()
    code = await shop.groups.codes.get(code.id)
    assert code.status == "active" and code.config_id and code.qr_code


async def test_changes_replace_everything_and_deletion_ends_it(small_shop: Shop) -> None:
    shop = small_shop
    chat, other = shop.open("1群"), shop.open("2群")
    await shop.settle()
    codes = shop.groups.codes
    code = await codes.create(CodeDraft(name="海报", chat_ids=[chat], base_name="群"))
    await codes.change(code.id, CodePatch(chat_ids=[other], remark="五一"))
    [update] = shop.calls("groupchat/update_join_way")
    assert (update["chat_id_list"], update["remark"]) == ([other], "五一")
    assert (update["room_base_name"], update["state"]) == ("群", code.state)
    await codes.delete(code.id)
    with pytest.raises(NotFound):
        await codes.get(code.id)
    await shop.groups.keeper.round()


async def test_strangers_and_dismissed_groups_are_refused(small_shop: Shop) -> None:
    shop = small_shop
    chat = shop.open("1群")
    await shop.settle()
    with pytest.raises(GiveUp, match="90509"):
        await shop.groups.codes.create(CodeDraft(name="海报", chat_ids=["wrStrange"]))
    gatherings.dismiss(shop.platform, chat)
    await shop.settle()
    with pytest.raises(Unprocessable, match="解散"):
        await shop.groups.codes.create(CodeDraft(name="海报", chat_ids=[chat]))


CHATS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=6)


@given(behind=CHATS, spares=CHATS, full=st.sets(st.sampled_from("abcdefgh")))
def test_a_code_always_has_a_group_and_one_with_room_if_there_is(
    behind: list[str], spares: list[str], full: set[str]
) -> None:
    room = {chat: chat not in full for chat in "abcdefgh"}
    lineup = line_up(behind, spares, room)
    everybody = {*behind, *spares}
    assert bool(lineup.behind) == bool(everybody)
    roomy = {chat for chat in everybody if room[chat]}
    assert lineup.exhausted == (not roomy)
    if roomy:
        assert set(lineup.behind) <= roomy
    assert {*lineup.behind, *lineup.spares, *lineup.filled} == everybody


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_an_edit_while_a_code_is_turned_counts_here_and_at_wecom(
    shop: Shop, meanwhile: Meanwhile
) -> None:
    first, spare, other = (shop.open(f"福利{number}群") for number in (1, 2, 3))
    await shop.settle()
    code = await shop.groups.codes.create(
        CodeDraft(name="海报", chat_ids=[first], spares=[spare], best_size=3)
    )
    for who in (LIN, MAY):
        gatherings.scan(shop.platform, who, code.config_id or "")
    await shop.settle()
    edit = update(GroupCode).values(chat_ids=[other], look_at=shop.clock.now())
    meanwhile.after(shop.database, "UPDATE group_code", edit)
    await shop.groups.keeper.round()
    assert (await shop.groups.codes.get(code.id)).chat_ids == [other]
    assert shop.calls("groupchat/update_join_way")[-1]["chat_id_list"] == [other]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_group_that_wecom_opened_stays_behind_a_code_that_is_edited(
    shop: Shop, meanwhile: Meanwhile
) -> None:
    first, opened = shop.open("福利1群"), shop.open("福利2群")
    await shop.settle()
    code = await shop.groups.codes.create(CodeDraft(name="海报", chat_ids=[first]))
    turned = update(GroupCode).values(chat_ids=[opened])
    meanwhile.after(shop.database, "FROM group_code", turned)
    changed = await shop.groups.codes.change(code.id, CodePatch(remark="门口"))
    assert (changed.chat_ids, changed.remark) == ([opened], "门口")
    assert shop.calls("groupchat/update_join_way")[-1]["chat_id_list"] == [opened]
