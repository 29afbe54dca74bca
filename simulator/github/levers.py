"""The hidden side door: levers by which tests make this GitHub do what GitHub does to people."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.github import plans, records
from simulator.github.entities import Job, Run, Runner
from simulator.github.hub import Conflict
from simulator.github.service import GitHubService

Pull = Callable[[Any], BaseModel | None]


class Levers:
    """One method per lever; an unknown id is 404, a wrong moment 409, a bad plan 422."""

    def __init__(self, service: GitHubService) -> None:
        self._service = service
        self._hub = service.hub
        self._levers: dict[str, tuple[type[plans.Plan], Pull]] = {
            "create_run": (plans.RunPlan, self.create_run),
            "approve": (plans.OneJob, self.approve),
            "cancel_job": (plans.OneJob, self.cancel_job),
            "cancel_run": (plans.OneRun, self.cancel_run),
            "rerun_job": (plans.OneJob, self.rerun_job),
            "pin": (plans.JobOnRunner, self.pin),
            "take": (plans.JobOnRunner, self.take),
            "remove_runner": (plans.OneRunner, self.remove_runner),
            "kill_runner": (plans.OneRunner, self.kill_runner),
            "redeliver": (plans.OneDelivery, self.redeliver),
            "deliver_to": (plans.Receiver, self.deliver_to),
            "send": (plans.RawEvent, self.send),
            "chaos": (plans.Chaos, self.chaos),
            "configure": (plans.Settings, self.configure),
            "fault": (plans.Fault, self.fault),
            "clear_faults": (plans.Nothing, self.clear_faults),
            "drain": (plans.Drain, self.drain),
            "revoke_tokens": (plans.Nothing, self.revoke_tokens),
            "install": (plans.Installation, self.install),
            "uninstall": (plans.Owner, self.uninstall),
            "group": (plans.Group, self.group),
        }
        self.routes = [
            Route("/books", self.books),
            Route("/progress", self.progress),
            Route("/secrets", self.secrets),
            Route("/{lever}", self.pull, methods=["POST"]),
        ]

    async def pull(self, request: Request) -> Response:
        """Pull the lever that the path names."""
        found = self._levers.get(request.path_params["lever"])
        if found is None:
            return JSONResponse({"message": f"levers are {sorted(self._levers)}"}, 404)
        model, act = found
        try:
            answer = act(model.model_validate_json(await request.body() or b"{}"))
        except KeyError as error:
            return JSONResponse({"message": f"nothing here is called {error}"}, 404)
        except Conflict as error:
            return JSONResponse({"message": str(error)}, 409)
        except ValidationError as error:
            return JSONResponse({"message": str(error)}, 422)
        return _written(answer)

    async def books(self, request: Request) -> Response:
        """Open the books; `?deliveries=0` leaves the bulk out."""
        whole = request.query_params.get("deliveries") != "0"
        return _written(records.books(self._service, deliveries=whole))

    async def progress(self, request: Request) -> Response:
        """Count what goes on."""
        return _written(self._service.progress())

    async def secrets(self, request: Request) -> Response:
        """Give away what was minted, so that a test can look for leaks."""
        jit_configs, tokens = self._service.jit_configs, self._service.apps.tokens
        every = (*tokens, *self._service.registration_tokens)
        return _written(plans.Secrets(jit_configs=tuple(jit_configs), tokens=every))

    def create_run(self, plan: plans.RunPlan) -> plans.CreatedRun:
        self._service.apps.install(plan.repo, org=plan.org)
        return _created(self._hub.create_run(plan))

    def approve(self, lever: plans.OneJob) -> None:
        self._hub.approve(self._job(lever.job_id))

    def cancel_job(self, lever: plans.OneJob) -> None:
        self._hub.cancel(self._job(lever.job_id))

    def cancel_run(self, lever: plans.OneRun) -> None:
        run = self._hub.runs.runs[lever.run_id]
        for job in [job for job in run.jobs if job.status != "completed"]:
            self._hub.cancel(job)

    def rerun_job(self, lever: plans.OneJob) -> plans.CreatedRun:
        job = self._job(lever.job_id)
        self._hub.rerun(job.run, [other for other in job.run.jobs if other.plan is job.plan])
        return _created(job.run)

    def pin(self, lever: plans.JobOnRunner) -> None:
        self._hub.pin(lever.runner, self._job(lever.job_id))

    def take(self, lever: plans.JobOnRunner) -> None:
        self._hub.take(self._job(lever.job_id), lever.runner)

    def remove_runner(self, lever: plans.OneRunner) -> None:
        self._hub.remove(self._runner(lever.runner), "lever")

    def kill_runner(self, lever: plans.OneRunner) -> None:
        runner = self._runner(lever.runner)
        self._service.sessions.poison(runner)
        if runner.session is not None:
            self._service.bells[runner.session.id].set()

    def redeliver(self, lever: plans.OneDelivery) -> None:
        self._service.deliveries.redeliver(self._service.deliveries.log[lever.delivery_id])

    def deliver_to(self, lever: plans.Receiver) -> None:
        deliveries = self._service.deliveries
        deliveries.target = lever.url or deliveries.target
        if lever.secrets is not None:
            deliveries.secrets = lever.secrets

    def send(self, lever: plans.RawEvent) -> None:
        deliveries = self._service.deliveries
        payload = dict(lever.payload)
        deliveries.send(deliveries.event(lever.event, lever.action, payload, job_id=lever.job_id))

    def chaos(self, lever: plans.Chaos) -> None:
        self._service.deliveries.chaos = lever

    def configure(self, lever: plans.Settings) -> None:
        self._service.configure(lever)

    def fault(self, lever: plans.Fault) -> None:
        self._service.faults.add(lever)

    def clear_faults(self, _: plans.Nothing) -> None:
        self._service.faults.clear()

    def drain(self, lever: plans.Drain) -> None:
        self._service.limits.drain(
            lever.resource, remaining=lever.remaining, reset_in=lever.reset_in
        )

    def revoke_tokens(self, _: plans.Nothing) -> None:
        self._service.apps.revoke()

    def install(self, lever: plans.Installation) -> None:
        self._service.apps.install(lever.repo, org=lever.org)

    def uninstall(self, lever: plans.Owner) -> None:
        self._service.apps.uninstall(lever.owner)

    def group(self, lever: plans.Group) -> None:
        self._hub.groups[max(self._hub.groups) + 1] = lever.name

    def _job(self, job_id: int) -> Job:
        return self._hub.runs.jobs[job_id]

    def _runner(self, name: str) -> Runner:
        found = self._hub.registry.by_name(name)
        if found is None:
            raise KeyError(name)
        return found


def _created(run: Run) -> plans.CreatedRun:
    jobs = tuple(job.id for job in run.jobs)
    return plans.CreatedRun(run_id=run.id, run_attempt=run.attempt, jobs=jobs)


def _written(answer: BaseModel | None) -> Response:
    text = answer.model_dump_json() if answer is not None else "{}"
    return Response(text, media_type="application/json")
