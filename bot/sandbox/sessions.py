"""Reception sessions of customer service: states, transitions and the sending window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from .errors import ApiError
from .storage import Store

WINDOW_SECONDS = 48 * 3600
REPLIES_PER_WINDOW = 5


class State(IntEnum):
    """The platform's own numbers."""

    NEW = 0
    ASSISTANT = 1
    POOL = 2
    SERVICER = 3
    ENDED = 4


SENDABLE = frozenset({State.NEW, State.ASSISTANT})
TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEW: frozenset({State.ASSISTANT, State.POOL, State.SERVICER, State.ENDED}),
    State.ASSISTANT: frozenset({State.POOL, State.SERVICER, State.ENDED}),
    State.POOL: frozenset({State.SERVICER, State.ENDED}),
    State.SERVICER: frozenset({State.SERVICER, State.ENDED}),
    State.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Session:
    """One customer at one account; times are Unix seconds, 0 for never."""

    open_kfid: str
    external_userid: str
    state: State
    servicer: str
    asked_at: int
    entered_at: int
    welcomed_at: int
    replies: int
    scene: str
    scene_param: str

    def lapsed(self, now: int) -> bool:
        """Whether 48 hours have passed since the customer last wrote."""
        return bool(self.asked_at) and now - self.asked_at > WINDOW_SECONDS

    def state_at(self, now: int) -> State:
        """The state as the platform tells it: a lapsed session has ended."""
        return State.ENDED if self.lapsed(now) else self.state

    def active_within_window(self, now: int) -> bool:
        """Whether the customer entered or wrote in the last 48 hours."""
        return now - max(self.asked_at, self.entered_at) <= WINDOW_SECONDS

    def check_sendable(self, now: int) -> None:
        """Refuse a `kf/send_msg` that the platform would refuse."""
        if self.lapsed(now):
            raise ApiError(95002, "send time limit: the customer has not written for 48 hours")
        if self.state not in SENDABLE:
            raise ApiError(95018, f"session state {int(self.state)} does not allow sending")
        if self.replies >= REPLIES_PER_WINDOW:
            raise ApiError(95001, "send count limit: 5 messages after each customer message")


class Sessions:
    """The table of sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, open_kfid: str, external_userid: str) -> Session:
        """The session, or the blank one of a customer who never came (state 4)."""
        row = self._store.one(
            "SELECT * FROM sessions WHERE open_kfid = ? AND external_userid = ?",
            open_kfid,
            external_userid,
        )
        if row is None:
            return Session(open_kfid, external_userid, State.ENDED, "", 0, 0, 0, 0, "", "")
        values = dict(row)
        return Session(**{**values, "state": State(values["state"])})

    def update(self, open_kfid: str, external_userid: str, **changes: object) -> Session:
        """Change columns of one session, creating it at need."""
        self._store.run(
            "INSERT OR IGNORE INTO sessions (open_kfid, external_userid) VALUES (?, ?)",
            open_kfid,
            external_userid,
        )
        columns = ", ".join(f"{name} = ?" for name in changes)
        self._store.run(
            f"UPDATE sessions SET {columns} WHERE open_kfid = ? AND external_userid = ?",  # noqa: S608
            *changes.values(),
            open_kfid,
            external_userid,
        )
        return self.get(open_kfid, external_userid)

    def customer_wrote(self, open_kfid: str, external_userid: str, now: int) -> Session:
        """Open the window for five more replies; an ended session begins anew."""
        state = self.get(open_kfid, external_userid).state_at(now)
        fresh = State.NEW if state is State.ENDED else state
        servicer = "" if fresh is State.NEW else self.get(open_kfid, external_userid).servicer
        return self.update(
            open_kfid,
            external_userid,
            state=int(fresh),
            servicer=servicer,
            asked_at=now,
            replies=0,
        )

    def assistant_replied(self, session: Session) -> Session:
        """Count one reply; a new session is the assistant's from now on."""
        return self.update(
            session.open_kfid,
            session.external_userid,
            state=int(State.ASSISTANT),
            replies=session.replies + 1,
        )

    def check_transition(self, session: Session, target: State, now: int) -> None:
        """Refuse what the state table does not allow."""
        current = session.state_at(now)
        if current is State.ENDED:
            raise ApiError(95013, "session has ended")
        if target not in TRANSITIONS[current]:
            raise ApiError(95016, f"illegal transition from {int(current)} to {int(target)}")
