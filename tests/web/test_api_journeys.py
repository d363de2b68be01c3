"""`/journeys` over HTTP: checked, edited while somebody walks them, rehearsed beside others."""

from __future__ import annotations

from typing import Any

from apishop import Api

from bot.store.outreach_tables import TouchRow

TEA = """version: 1
journeys:
- id: tea
  name: 下午茶
  priority: 90
  triggers: [{event: [tea]}]
  steps:
  - {id: ask, purpose: 问一句, kind: nudge, at: {hours: 1}, content: {text: 来喝茶吗}}
  - {id: thank, purpose: 谢一声, kind: nudge, at: {hours: 8}, content: {text: 谢谢}}
"""


async def _call(api: Api, method: str, path: str, **body: Any) -> tuple[int, Any]:
    status, answer = await api.call(method, f"api/v1/journeys{path}", json=body)
    return int(status), answer


async def test_a_text_is_rehearsed_alone_or_beside_what_runs(api: Api) -> None:
    asked = {"journey": "price_silent", "days": 3}
    status, alone = await _call(api, "POST", "/preview", **asked)
    assert (status, {row["other"] for row in alone["rows"]}) == (200, {False})
    assert (await _call(api, "POST", "", text=TEA))[0] == 201
    status, beside = await _call(api, "POST", "/preview", **asked, with_others=["tea"])
    assert status == 200
    taken = [row["conflict"]["taken_by"] for row in beside["rows"] if row["conflict"]]
    assert {one["journey"] for several in taken for one in several} & {"tea", "price_silent"}
    _, running = await _call(api, "POST", "/preview", **asked, with_others=True)
    others = {row["journey"] for row in running["rows"] if row["other"]}
    assert "parcel_arrived" in others
    assert "tea" not in others
    assert (await _call(api, "POST", "/preview", **asked, with_others=["nope"]))[0] == 404
    assert (await _call(api, "POST", "/preview", **asked, with_others="some"))[0] == 422


async def test_a_step_taken_out_by_an_edit_ends_what_was_planned_for_it(api: Api) -> None:
    assert (await _call(api, "POST", "", text=TEA))[0] == 201
    now = api.bot.ground.clock.now()
    common = {"journey": "tea", "kind": "nudge", "audience": "customer", "status": "planned"}
    place = {"segment": "default", "due_at": now, "look_at": now, "created_at": now}
    async with api.database.write() as session:
        for step in ("ask", "thank"):
            session.add(TouchRow(id=step, step=step, subject="wmA", **common, **place))
    without = TEA.partition("  - {id: thank")[0]
    status, edited = await _call(api, "PUT", "/tea", text=without, seen=1)
    assert (status, edited["version"]) == (200, 2)
    status, found = await api.call("GET", "api/v1/touches?journey=tea")
    told = {one["step"]: (one["status"], one.get("skipped_by")) for one in found["items"]}
    assert told == {"ask": ("planned", None), "thank": ("skipped", "step_removed")}
