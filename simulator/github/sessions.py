"""Listeners: how they connect, poll, vanish and are told to go."""

import uuid

from simulator.github.entities import Runner, Session
from simulator.github.hub import ANY_DEATH, Hub


class Deleted(Exception):
    """The registration is gone, or never was."""


class SessionConflict(Exception):
    """A session of this runner is open."""


class Sessions:
    """The broker without HTTP."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.open: dict[str, Session] = {}

    def create(self, client_id: str, agent_id: int) -> Session:
        """Connect a listener. Raises Deleted or SessionConflict."""
        runner = self._hub.registry.by_client(client_id)
        if runner is None or runner.id != agent_id or runner.removed_at is not None:
            raise Deleted
        if runner.session is not None:
            raise SessionConflict
        number = uuid.UUID(int=self._hub.rng.getrandbits(128), version=4)
        session = Session(str(number), runner, opened_at=self._hub.timers.clock())
        runner.session = self.open[session.id] = session
        runner.online_at = runner.online_at or session.opened_at
        self._online(session)
        return session

    def poll(self, session: Session) -> None:
        """Note that a listener asks for messages: it is there."""
        session.polls += 1
        self._online(session)

    def polled(self, session: Session, *, broken: bool) -> None:
        """Note that a poll ended, by an answer or because its connection broke."""
        session.polls -= 1
        if session.polls > 0 or session.id not in self.open:
            return
        settings = self._hub.settings
        patience = settings.offline_after if broken else settings.poll_gap
        self._quiet(session)
        session.silence = self._hub.timers.after(patience, lambda: self._offline(session))
        if broken and session.runner.job is not None:
            session.runner.lost_busy_at = self._hub.timers.clock()

    def close(self, session: Session) -> None:
        """End a session as its listener wishes; the registration stays."""
        self._forget(session)
        self._hub.lost(session.runner)

    def poison(self, runner: Runner) -> None:
        """Never hear from this runner again: to GitHub its machine has died."""
        if runner.session is not None:
            runner.session.poisoned = True
            self._offline(runner.session)

    def _online(self, session: Session) -> None:
        self._quiet(session)
        session.online = not session.poisoned
        runner = session.runner
        if runner.removed_at is not None:
            if ANY_DEATH not in session.messages:
                session.messages.append(ANY_DEATH)
            return
        if session.online:
            self._hub.registry.online[runner.id] = runner
            self._hub.found(runner)

    def _offline(self, session: Session) -> None:
        self._quiet(session)
        session.online = False
        runner = session.runner
        self._hub.registry.online.pop(runner.id, None)
        self._hub.lost(runner)
        ttl = self._hub.settings.session_ttl
        session.expiry = self._hub.timers.after(ttl, lambda: self._forget(session))

    def _forget(self, session: Session) -> None:
        self._quiet(session)
        session.online = False
        self.open.pop(session.id, None)
        self._hub.registry.online.pop(session.runner.id, None)
        if session.runner.session is session:
            session.runner.session = None

    def _quiet(self, session: Session) -> None:
        for timer in (session.silence, session.expiry):
            if timer:
                timer.cancel()
        session.silence = session.expiry = None
