"""What guides do in the WeCom client: take a session, reply, end it, stop receiving."""

from __future__ import annotations

from .errors import UnknownSubject
from .journal import Line
from .platform import Platform
from .sample import DEFAULT_ACCOUNT, GUIDES
from .sessions import State
from .timeline import Message, Origin

PICKED, ENDED, REOPENED = 1, 3, 4


def take(
    platform: Platform, external_userid: str, userid: str, *, open_kfid: str = DEFAULT_ACCOUNT
) -> Message:
    """A guide takes the session: out of the pool, or an ended one anew."""
    now, name = platform.now(), platform.customer(external_userid).nickname
    _require_guide(userid)
    with platform.store.transaction():
        before = platform.sessions.get(open_kfid, external_userid).state_at(now)
        platform.sessions.update(
            open_kfid, external_userid, state=int(State.SERVICER), servicer=userid
        )
        change = REOPENED if before is State.ENDED else PICKED
        fields: dict[str, object] = {"change_type": change, "new_servicer_userid": userid}
        if change == PICKED:
            fields["msg_code"] = platform.codes.issue(
                open_kfid, external_userid, "pickup", State.SERVICER, now
            )
        event = platform.add_event(open_kfid, external_userid, "session_status_change", **fields)
    platform.journal.note(
        Line.PLATFORM,
        f"{GUIDES[userid]} 在企业微信里接入 {name}",
        f"A guide takes over {name} in WeCom",
    )
    return event


def reply(
    platform: Platform,
    external_userid: str,
    userid: str,
    text: str,
    *,
    open_kfid: str = DEFAULT_ACCOUNT,
) -> Message:
    """A guide answers from the client; the session becomes theirs."""
    if platform.session_state(external_userid, open_kfid) is not State.SERVICER:
        take(platform, external_userid, userid, open_kfid=open_kfid)
    with platform.store.transaction():
        message = platform.timeline.append(
            open_kfid,
            external_userid,
            Origin.SERVICER,
            "text",
            {"content": text},
            at=platform.now(),
            servicer=userid,
        )
        platform.notify(open_kfid)
    name = platform.customer(external_userid).nickname
    platform.journal.note(
        Line.PLATFORM,
        f"{GUIDES[userid]} 在企业微信里回复 {name}：「{text}」",
        f'A guide answers {name} in WeCom: "{text}"',
    )
    return message


def end(platform: Platform, external_userid: str, *, open_kfid: str = DEFAULT_ACCOUNT) -> Message:
    """A guide ends the session in the client."""
    now = platform.now()
    with platform.store.transaction():
        session = platform.sessions.get(open_kfid, external_userid)
        if session.state_at(now) is State.ENDED:
            raise UnknownSubject("会话已经结束")
        platform.sessions.update(open_kfid, external_userid, state=int(State.ENDED), servicer="")
        code = platform.codes.issue(open_kfid, external_userid, "end", State.ENDED, now)
        event = platform.add_event(
            open_kfid,
            external_userid,
            "session_status_change",
            change_type=ENDED,
            old_servicer_userid=session.servicer,
            msg_code=code,
        )
    name = platform.customer(external_userid).nickname
    platform.journal.note(
        Line.PLATFORM, f"与 {name} 的会话已结束", f"The session with {name} has ended"
    )
    return event


def set_receiving(
    platform: Platform, userid: str, receiving: bool, *, open_kfid: str = DEFAULT_ACCOUNT
) -> Message:
    """A guide starts or stops receiving. The event codes 1 and 2; the list codes 0 and 1."""
    _require_guide(userid)
    with platform.store.transaction():
        platform.store.run(
            "UPDATE servicers SET status = ? WHERE open_kfid = ? AND userid = ?",
            0 if receiving else 1,
            open_kfid,
            userid,
        )
        return platform.add_event(
            open_kfid,
            "",
            "servicer_status_change",
            servicer_userid=userid,
            status=1 if receiving else 2,
            stop_type=0,
        )


def _require_guide(userid: str) -> None:
    if userid not in GUIDES:
        raise UnknownSubject(f"没有叫 {userid} 的导购，可用：{', '.join(GUIDES)}")
