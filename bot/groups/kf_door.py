"""The way from a group to the bot: a link of WeChat customer service, named in the greeting."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from bot.errors import GiveUp
from bot.groups.wording import KF_LINK
from bot.store.database import Database
from bot.store.tables import KfAccount
from bot.wecom.client import WeComClient


class KfDoor:
    """Gives the shop's own `kf_link`, or else asks WeCom for one whose scene names the group."""

    def __init__(
        self, database: Database, client: WeComClient, variables: Mapping[str, str]
    ) -> None:
        self._database = database
        self._client = client
        self._variables = variables

    async def link(self, segment: str) -> str:
        """The link; a question that comes by it can be told from others by its scene."""
        if own := self._variables.get(KF_LINK):
            return own
        open_kfid = await self._account()
        if not open_kfid:
            raise GiveUp(
                "入群欢迎语要放客服入口，但还没有微信客服账号",
                hint="请先开通微信客服，或在 shop.variables 里写上 kf_link",
            )
        answer = await self._client.kf.add_contact_way(open_kfid, f"group_{segment}"[:32])
        if not answer.get("url"):
            raise GiveUp("企业微信没有给出客服链接", api="kf/add_contact_way")
        return str(answer["url"])[:512]

    async def _account(self) -> str:
        async with self._database.read() as session:
            known = await session.scalar(
                select(KfAccount.open_kfid).order_by(KfAccount.open_kfid).limit(1)
            )
        if known:
            return str(known)
        listed = (await self._client.kf.accounts(offset=0, limit=1)).get("account_list") or []
        return str(listed[0].get("open_kfid") or "") if listed else ""
