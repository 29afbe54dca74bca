"""What people do to a pool: new definitions and operations, refused whole when wrong; pure."""

from collections.abc import Mapping
from datetime import datetime

from runs_fleet.models import Policy
from runs_fleet.pools import differences
from runs_fleet.pools.definition import PoolDefinition, Tier
from runs_fleet.pools.rules import mistakes
from runs_fleet.pools.state import Operation, PoolState
from runs_fleet.pools.wire import PoolOperation, PoolSettings

CONFIGURED = "configure"
BEGUN = "as the pool begins"
# A hundred operations are kept, and they ride through every new history.
LONGEST_REASON = 500


def begin(state: PoolState, now: datetime) -> None:
    """Begin, or go on; a new pool of a wrong definition ends before it does anything."""
    if state.untried:
        state.refused = state.ending = _broken(state.definition)
    state.untried = False
    state.begin(now)


def refusal_of_settings(state: PoolState, settings: PoolSettings) -> str:
    """Say what is wrong with a new definition, and what to do about it, or nothing."""
    asked, own = settings.definition, state.definition
    if (asked.name, asked.mode) != (own.name, own.mode):
        return (
            f"this is pool {own.name!r} of mode {own.mode}, not {asked.name!r} of {asked.mode}: "
            "send it to its own manager"
        )
    if not settings.by.strip():
        return f"pool {asked.name!r}: {CONFIGURED} needs `by`: say who does it"
    return "" if settings.policy_alone else _broken(asked)


def refusal_of_operation(state: PoolState, asked: PoolOperation) -> str:
    """Say why an operation cannot be done, and what to do instead, or nothing."""
    name = state.definition.name
    if not asked.by.strip():
        return f"pool {name!r}: {asked.kind} needs `by`: say who does it"
    if state.ending:
        return f"pool {name!r} ends ({state.ending}): there is nothing to {asked.kind}"
    if (asked.kind == "resize") != bool(asked.targets):
        words = "needs targets, such as hot=3" if asked.kind == "resize" else "takes no targets"
        return f"pool {name!r}: {asked.kind} {words}"
    if asked.targets is None:
        return ""
    problem = _problem(state.definition, asked.targets)
    return f"pool {name!r}: resize: {problem}" if problem else ""


def configure(state: PoolState, settings: PoolSettings, now: datetime) -> None:
    """Take in a new definition; one that is no other changes nothing."""
    if settings.source:
        state.sourced = settings.definition
    limits = _limited(state, settings.policy) if settings.policy else ""
    if settings.policy_alone:
        if limits:
            _note(state, settings, limits, now)
        return
    if settings.definition == state.definition:
        if not state.operations:
            _note(state, settings, BEGUN, now)
        return
    other = state.definition.spec != settings.definition.spec
    reason = _changed(state.definition, settings.definition)
    state.definition = settings.definition
    state.resized = None
    if state.refused:
        state.refused = state.ending = ""
    _note(state, settings, reason, now)
    state.keep_at = None
    if other:
        # What machines of another spec are made of, only the cloud can tell.
        state.surveyed_at = state.survey_at = None


def _limited(state: PoolState, policy: Policy) -> str:
    """Take over what workers say of boots and runtimes; writes down what that changes."""
    before = {"boot_timeout": state.boot_limit, "max_runtime": state.max_runtime}
    state.boot_limit, state.max_runtime = policy.boot_timeout, policy.max_runtime
    after = {"boot_timeout": state.boot_limit, "max_runtime": state.max_runtime}
    return "; ".join(
        f"{each}: {before[each]} -> {after[each]}" for each in before if before[each] != after[each]
    )


def _note(state: PoolState, settings: PoolSettings, reason: str, now: datetime) -> None:
    state.operate(Operation(at=now, by=settings.by, kind=CONFIGURED, reason=reason))


def operate(state: PoolState, asked: PoolOperation, now: datetime) -> None:
    """Do what an operator asks for."""
    state.operate(Operation.of(asked, now))
    match asked.kind:
        case "drain" | "pause":
            state.held = asked.kind
        case "resume":
            state.held, state.resized = "", None
            state.rest_until, state.failures = None, 0
        case "recycle":
            state.recycle_at = now
        case "resize":
            state.resized = dict(asked.targets or {})


def _broken(definition: PoolDefinition) -> str:
    """Say which rules a definition breaks, or nothing."""
    found = [str(each) for each in mistakes(definition)]
    return f"pool {definition.name!r}: {'; '.join(found)}" if found else ""


def _changed(before: PoolDefinition, after: PoolDefinition) -> str:
    """Write down what a new definition changes."""
    edits = (
        f"{each.field}: {each.before or 'none'} -> {each.after or 'none'}"
        for each in differences.between(before, after)
    )
    said = "; ".join(edits)
    return said if len(said) <= LONGEST_REASON else f"{said[: LONGEST_REASON - 3]}..."


def _problem(definition: PoolDefinition, asked: Mapping[Tier, int]) -> str:
    """Say what is wrong with targets."""
    negative = [tier for tier, number in asked.items() if number < 0]
    if negative:
        return f"{negative[0]} is {asked[negative[0]]}: give 0 or more"
    total = sum(asked.values())
    if total > definition.max:
        return f"{total} free members are more than max {definition.max}: lower them, or raise max"
    others = [tier for tier, number in asked.items() if number and tier != "hot"]
    if definition.mode == "k8s" and others:
        return f"{others[0]} members are kept in EC2 mode only: want hot ones"
    if asked.get("listening") and definition.listening is None:
        return "listening members need a `listening` section: say where they register"
    return ""
