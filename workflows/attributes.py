"""Search attributes that make the list of jobs in the Temporal UI readable."""

from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names, sizes
from runs_fleet.ledger import Ledger
from runs_fleet.models import JobRequest

REPO = SearchAttributeKey.for_keyword("Repo")
JOB = SearchAttributeKey.for_keyword("JobName")
POOL = SearchAttributeKey.for_keyword("Pool")
MODE = SearchAttributeKey.for_keyword("Mode")
STATE = SearchAttributeKey.for_keyword("RunnerState")
RUNNER = SearchAttributeKey.for_keyword("RunnerName")
MACHINE_TYPE = SearchAttributeKey.for_keyword("MachineType")
MACHINE = SearchAttributeKey.for_keyword("MachineId")
CONCLUSION = SearchAttributeKey.for_keyword("Conclusion")
ATTEMPT = SearchAttributeKey.for_int("Attempt")
KEYWORDS = (REPO, JOB, POOL, MODE, STATE, RUNNER, MACHINE_TYPE, MACHINE, CONCLUSION)
KEYS: dict[str, SearchAttributeKey[Any]] = {key.name: key for key in (*KEYWORDS, ATTEMPT)}
TYPES: dict[str, IndexedValueType.ValueType] = {
    **{key.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD for key in KEYWORDS},
    ATTEMPT.name: IndexedValueType.INDEXED_VALUE_TYPE_INT,
}
CALL_LIMIT = timedelta(seconds=5)

Shown = dict[str, str | int | None]


def at_start(request: JobRequest) -> TypedSearchAttributes:
    """Describe a job from the moment it is known, before anything is done for it."""
    job = f"{request.workflow} / {request.name}" if request.workflow else request.name
    # What visibility stores in Postgres and MySQL is at most 255 characters long.
    values = {REPO: request.scope.repo, JOB: job[:255], MODE: request.mode}
    if request.spec and request.spec.pool:
        values[POOL] = request.spec.pool
    begun = [(KEYS[name], value) for name, value in shown_at_start(request).items()]
    return TypedSearchAttributes([SearchAttributePair(*each) for each in (*values.items(), *begun)])


def shown_at_start(request: JobRequest) -> Shown:
    """What `at_start` has shown of the attributes that change later."""
    state = "refused" if request.refusal else "placing"
    return {STATE.name: state} | _foreseen(request)


def shown(ledger: Ledger) -> Shown:
    """What the list should say of a job; each change costs one event, so only what matters."""
    foreseen, last = _foreseen(ledger.request), ledger.runners[-1] if ledger.runners else None
    if foreseen and _nothing_heard(ledger):
        return foreseen
    values: Shown = dict.fromkeys(foreseen)
    values[STATE.name] = ledger.state.replace("idle", "booting")
    if last is not None and last.machine is not None:
        values[MACHINE_TYPE.name] = last.machine.machine_type
        values[MACHINE.name] = last.machine.machine_id
        values[ATTEMPT.name] = last.attempt
        values[RUNNER.name] = ledger.demand.runner or last.name
    if ledger.demand.conclusion:
        values[CONCLUSION.name] = ledger.demand.conclusion
    return values


def _foreseen(request: JobRequest) -> Shown:
    """Tell of a cluster's Job before it is made: nothing of it is left to choose.

    To change the list as soon as it is made would be a fifth of all that Temporal does by then,
    and a burst of jobs waits for that. Only a machine that was made has its id in the list, or
    the sweep would miss it.
    """
    spec = request.spec
    if not request.sparing or request.mode != "k8s" or spec is None or spec.pool:
        return {}
    name = names.runner(request.job_id, 1)
    machine: Shown = {MACHINE_TYPE.name: sizes.machine_type(spec), RUNNER.name: name}
    return machine | {STATE.name: "placing", ATTEMPT.name: 1}


def _nothing_heard(ledger: Ledger) -> bool:
    """Whether all is well and nobody has said a word of the first machine yet."""
    first = not ledger.runners[1:]
    heard = any(runner.ready_at or runner.stalled for runner in ledger.runners)
    return first and not heard and ledger.state in {"placing", "booting"}


def updates(changed: Shown) -> list[SearchAttributeUpdate[Any]]:
    """Write changed values as the SDK wants them; None is nothing any more."""
    return [
        KEYS[name].value_unset() if value is None else KEYS[name].value_set(value)
        for name, value in changed.items()
    ]


async def ensure(client: Client) -> None:
    """Register the attributes that the namespace lacks; those that are there stay untouched.

    Raises RPCError where the server does not allow it (Temporal Cloud: create them there).
    https://docs.temporal.io/search-attribute#custom-search-attribute
    """
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace), timeout=CALL_LIMIT
    )
    missing = {name: kind for name, kind in TYPES.items() if name not in listed.custom_attributes}
    if not missing:
        return
    request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
    try:
        await client.operator_service.add_search_attributes(request, timeout=CALL_LIMIT)
    except RPCError as error:
        # The API and the worker may register at the same moment.
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise
