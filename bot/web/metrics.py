"""Prometheus metrics of one process, on a registry of their own."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select

from bot.store.database import Database
from bot.store.tables import Burst, InboxEvent, Outbound, Suggestion, SuggestionStatus, WorkState

_QUEUES = (InboxEvent, Burst, Outbound)


class Metrics:
    """Counts what passes and shows how long the queues are."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.callbacks = Counter(
            "bot_callbacks_total",
            "Callbacks from WeCom by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self.calls = Histogram(
            "bot_wecom_call_seconds",
            "Calls to WeCom's API",
            ["api", "outcome"],
            registry=self.registry,
        )
        self._queue = Gauge(
            "bot_queue_rows", "Rows by table and state", ["table", "state"], registry=self.registry
        )
        self._pending = Gauge(
            "bot_suggestions_pending", "Suggestions waiting for a guide", registry=self.registry
        )

    def observe_call(self, api: str, outcome: str, seconds: float) -> None:
        self.calls.labels(api, outcome).observe(seconds)

    async def render(self, database: Database) -> bytes:
        """The text exposition, with the queues counted now."""
        async with database.read() as session:
            for table in _QUEUES:
                for state in (WorkState.READY, WorkState.FAILED, WorkState.DEAD):
                    count = await session.scalar(
                        select(func.count()).select_from(table).where(table.state == state)
                    )
                    self._queue.labels(table.__tablename__, state.value).set(count or 0)
            pending = await session.scalar(
                select(func.count())
                .select_from(Suggestion)
                .where(Suggestion.status == SuggestionStatus.PENDING)
            )
            self._pending.set(pending or 0)
        return generate_latest(self.registry)
