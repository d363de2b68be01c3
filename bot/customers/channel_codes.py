"""The code or link of a channel at WeCom: made once, found again, kept up to date."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from bot.clock import Clock
from bot.customers.channel_draft import LINK
from bot.errors import GiveUp, TellGuide, UnknownOutcome, Unprocessable, WeComError
from bot.store.channel_tables import Channel
from bot.wecom.client import WeComClient
from bot.wecom.contact_ways import NO_SUCH_WAY, config_ids, way_of
from bot.wecom.paging import pages

_EARLIER = timedelta(hours=1)  # WeCom's clock and ours may differ
_NO_SUCH_LINK = frozenset({40058, NO_SUCH_WAY})
_GUIDES_AT_FAULT = frozenset({40003, 40031, 41054, 60011, 60021, 60111, 84074})


class StrangeGuides(TellGuide):
    """企业微信不认其中几位导购。"""

    code = Unprocessable.code
    status = Unprocessable.status


@dataclass(frozen=True, slots=True)
class Code:
    """What WeCom gives for a channel."""

    config_id: str
    qr_code: str


class ChannelCodes:
    """WeCom makes another code with each call, so one whose making is in doubt is looked for
    by our `state` before it is made again."""

    def __init__(self, client: WeComClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def make(self, channel: Channel, users: Sequence[str]) -> Code:
        """Make the code; after a lost answer the one that was made is found.

        When WeCom answered that it is busy, and has none, it is asked once more. Raises
        `StrangeGuides` when it does not know some of them.
        """
        try:
            return await self._make(channel, users)
        except UnknownOutcome as error:
            if found := await self.find(channel):
                return found
            if error.errcode is None:
                raise
        return await self._make(channel, users)

    async def _make(self, channel: Channel, users: Sequence[str]) -> Code:
        try:
            return await self._ask_for(channel, users)
        except WeComError as error:
            raise await self._explained(error, users) from None

    async def _ask_for(self, channel: Channel, users: Sequence[str]) -> Code:
        ways = self._client.contact_ways
        if channel.kind == LINK:
            answer = await ways.create_link(
                name=link_name(channel), users=users, skip_verify=channel.skip_verify
            )
            link = answer.get("link") or {}
            return _link_code(channel, str(link.get("link_id") or ""), str(link.get("url") or ""))
        answer = await ways.add_way(
            state=channel.state,
            users=users,
            remark=channel.remark,
            skip_verify=channel.skip_verify,
        )
        if not answer.get("config_id"):
            raise UnknownOutcome("企业微信的回应里没有 config_id", api="add_contact_way")
        return Code(str(answer["config_id"]), str(answer.get("qr_code") or ""))

    async def find(self, channel: Channel) -> Code | None:
        """The code that bears this channel's state, if WeCom has one."""
        if channel.kind == LINK:
            return await self._find_link(channel)
        async for config_id in self._made_since(channel.created_at - _EARLIER):
            way = way_of(await self._client.contact_ways.get_way(config_id))
            if way.state == channel.state:
                return Code(config_id, way.qr_code)
        return None

    async def _made_since(self, start: datetime) -> AsyncIterator[str]:
        end = int((self._clock.now() + _EARLIER).timestamp())
        ask = self._client.contact_ways.list_ways
        async for answer in pages(ask, start_time=int(start.timestamp()), end_time=end):
            for config_id in config_ids(answer):
                yield config_id

    async def _find_link(self, channel: Channel) -> Code | None:
        async for answer in pages(self._client.contact_ways.list_links):
            for link_id in answer.get("link_id_list") or []:
                link = (await self._client.contact_ways.get_link(link_id)).get("link") or {}
                if link.get("link_name") == link_name(channel):
                    return _link_code(channel, str(link_id), str(link.get("url") or ""))
        return None

    async def update(self, channel: Channel, users: Sequence[str]) -> None:
        """Put these guides behind the code; doing it twice changes nothing.

        Raises `StrangeGuides` when WeCom does not know some of them.
        """
        if channel.config_id is None:
            return
        try:
            await self._put_behind(channel, channel.config_id, users)
        except WeComError as error:
            raise await self._explained(error, users) from None

    async def _put_behind(self, channel: Channel, config_id: str, users: Sequence[str]) -> None:
        ways = self._client.contact_ways
        if channel.kind == LINK:
            await ways.update_link(config_id, name=link_name(channel), users=users)
            return
        await ways.update_way(
            config_id,
            user=list(users),
            remark=channel.remark,
            skip_verify=channel.skip_verify,
            state=channel.state,
        )

    async def _explained(self, error: WeComError, users: Sequence[str]) -> WeComError:
        """WeCom does not say whom it does not know: all whom it does not list are named."""
        if error.errcode not in _GUIDES_AT_FAULT:
            return error
        try:
            listed = await self._client.contacts.follow_users()
        except WeComError:
            listed = {}
        known = {str(one) for one in listed.get("follow_user") or ()}
        strangers = [one for one in users if one not in known] or list(users)
        strange = StrangeGuides(
            f"企业微信不认导购 {'、'.join(strangers)}：{error.message}",
            errcode=error.errcode,
            api=error.api,
            hint="账号要和通讯录里的一样，并已开通「客户联系」、在应用的可见范围内；"
            "请改正或去掉后再试",
        )
        strange.details["guides"] = strangers
        return strange

    async def delete(self, channel: Channel) -> None:
        """Delete the code; one that is gone already is as good as deleted."""
        if channel.config_id is None:
            return
        ways = self._client.contact_ways
        try:
            if channel.kind == LINK:
                await ways.delete_link(channel.config_id)
            else:
                await ways.delete_way(channel.config_id)
        except GiveUp as error:
            if error.errcode not in _NO_SUCH_LINK:
                raise


def link_name(channel: Channel) -> str:
    """A name that is found again: WeCom keeps no `state` with a link, and takes 30 characters."""
    return f"{channel.name[:20]}·{channel.state[-8:]}"


def _link_code(channel: Channel, link_id: str, url: str) -> Code:
    if not link_id or not url:
        raise UnknownOutcome("企业微信的回应里没有链接", api="customer_acquisition/create_link")
    mark = "&" if "?" in url else "?"
    return Code(link_id, f"{url}{mark}customer_channel={quote(channel.state)}")
