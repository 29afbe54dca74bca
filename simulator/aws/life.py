"""The lives of instances: boot, stop, end, and what happens to them without being asked."""

import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from threading import RLock

from simulator.aws.account import ACCOUNT, Account, Template
from simulator.aws.capacity import Candidate, Pools
from simulator.aws.errors import AwsError
from simulator.aws.instances import Instance
from simulator.aws.models import AwsConfig, State
from simulator.aws.power import Power
from simulator.aws.timers import Timers

ON: frozenset[State] = frozenset({"pending", "running"})
POLL = 0.02
HARDWARE = "Server.InternalError"
ENDS_IN: dict[State, State] = {"stopped": "stopping", "terminated": "shutting-down"}


class Lives:
    """Every instance ever made, and the only place that changes one. All under one lock."""

    def __init__(
        self, config: AwsConfig, account: Account, *, power: Power, post: Callable[[str], None]
    ) -> None:
        self.lock = RLock()
        self.levers = config.levers.model_copy(deep=True)
        self.pools = Pools(self.levers.capacity)
        self.instances: dict[str, Instance] = {}
        self.timers = Timers()
        self._account = account
        self._power = power
        self._post = post
        self._random = random.Random(config.seed)

    def launch(
        self, candidate: Candidate, *, token: str, client_token: str, tags: dict[str, str]
    ) -> Instance:
        """Make one instance, pending; its boot is under way."""
        number = len(self.instances)
        subnet = self._account.subnet(candidate.subnet)
        instance = Instance(
            instance_id=f"i-{self._random.getrandbits(68):017x}",
            reservation=f"r-{self._random.getrandbits(68):017x}",
            token=token,
            client_token=client_token,
            pool=candidate.pool,
            subnet=candidate.subnet,
            vpc=subnet.vpc_id if subnet else "",
            arch=candidate.arch,
            address=f"10.{number // 62500 % 250}.{number // 250 % 250}.{number % 250 + 4}",
            template=candidate.template,
            tags=_with_aws_tags(tags, candidate.template),
            visible_at=time.monotonic() + self.levers.visibility_lag,
            boot_seconds=self._boot_seconds(),
            registers=self._registers(),
        )
        self.instances[instance.instance_id] = instance
        self.pools.take(candidate.pool)
        self._boot(instance)
        return instance

    def find(self, instance_ids: Iterable[str], *, unseen: bool = False) -> list[Instance]:
        """Find visible instances by id, all of them or InvalidInstanceID.NotFound."""
        seen = self.instances if unseen else {i.instance_id: i for i in self.visible()}
        wanted = list(instance_ids)
        if unknown := [name for name in wanted if name not in seen]:
            ids = ", ".join(unknown)
            text = f"The instance ID '{ids}' does not exist"
            if len(unknown) > 1:
                text = f"The instance IDs '{ids}' do not exist"
            raise AwsError("InvalidInstanceID.NotFound", text)
        return [seen[name] for name in wanted]

    def visible(self) -> list[Instance]:
        """List what Describe may show: EC2 is eventually consistent."""
        now = time.monotonic()
        return [i for i in list(self.instances.values()) if i.visible_at <= now]

    def end(self, instance: Instance, cause: str, *, silent: bool = False) -> None:
        """Shut an instance down for good; one that is ending already keeps its cause."""
        if instance.state in ("shutting-down", "terminated"):
            return
        if instance.state in ON:
            self.pools.give_back(instance.pool)
        instance.cause = cause
        self._enter(instance, "shutting-down", silent=silent)
        # A machine works on for a moment after it was told to end; dead hardware does not.
        seconds = 0.0 if cause == HARDWARE else self.levers.shutdown_seconds
        self._power_down(instance, "terminated", seconds=seconds, silent=silent)

    def stop(self, instance: Instance, cause: str = "Client.UserInitiatedShutdown") -> None:
        """Stop an instance; its disk, here its directory, stays."""
        if instance.state in ("stopping", "stopped"):
            return
        self.pools.give_back(instance.pool)
        instance.cause = cause
        self._enter(instance, "stopping")
        self._power_down(instance, "stopped", seconds=self.levers.stop_seconds)

    def start(self, instances: Sequence[Instance]) -> None:
        """Start those that are stopped, if their pools have room for all of them."""
        cold = [each for each in instances if each.state == "stopped"]
        for pool, number in Counter(each.pool for each in cold).items():
            if self.pools.free(pool) < number:
                message = f"We currently do not have sufficient {pool.instance_type} capacity"
                raise AwsError(self.pools.error(pool), message, status=500)
        for each in cold:
            self.pools.take(each.pool)
            each.cause, each.agent_code = "", None
            each.boot_seconds = self._boot_seconds(self.levers.start_seconds)
            each.registers = self._registers()
            self._boot(each)

    def interrupt(self, instance: Instance, *, after: float | None = None) -> None:
        """Give the spot notice, by IMDS and by event, and take the machine when it is due."""
        delay = self.levers.reclaim_after if after is None else after
        instance.notice = datetime.now(UTC) + timedelta(seconds=delay)
        instance.noticed_at = time.time()
        detail = {"instance-id": instance.instance_id, "instance-action": "terminate"}
        self._say("EC2 Spot Instance Interruption Warning", detail)
        self.timers.after(delay, lambda: self._reclaim(instance))

    def _reclaim(self, instance: Instance) -> None:
        with self.lock:
            self.end(instance, "Server.SpotInstanceTermination")

    def _boot(self, instance: Instance) -> None:
        self._enter(instance, "pending")
        self.timers.after(instance.boot_seconds, lambda: self._running(instance))

    def _running(self, instance: Instance) -> None:
        with self.lock:
            if instance.state != "pending":
                return
            self._enter(instance, "running")
            if instance.registers:
                self._power.on(instance, self.levers.machine_env)

    def _power_down(
        self, instance: Instance, state: State, *, seconds: float, silent: bool = False
    ) -> None:
        running_on = seconds / 2
        if self.levers.shutdown_grace > 0 and seconds > 0:
            self._power.press(instance)
            running_on = self.levers.shutdown_grace
        self.timers.after(running_on, lambda: self._power.cut(instance))
        ended = running_on + seconds / 2
        self.timers.after(ended, lambda: self._off(instance, state, silent=silent))

    def _off(self, instance: Instance, state: State, *, silent: bool = False) -> None:
        with self.lock:
            if self._power.is_on(instance):
                self.timers.after(POLL, lambda: self._off(instance, state, silent=silent))
            elif instance.state == ENDS_IN[state]:
                self._enter(instance, state, silent=silent)

    def _enter(self, instance: Instance, state: State, *, silent: bool = False) -> None:
        instance.enter(state)
        if not silent and state in self.levers.event_states:
            detail = {"instance-id": instance.instance_id, "state": state}
            self._say("EC2 Instance State-change Notification", detail)

    def _say(self, kind: str, detail: dict[str, str]) -> None:
        # https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-ec2.html
        arn = f"arn:aws:ec2:{self._account.region}:{ACCOUNT}:instance/{detail['instance-id']}"
        event = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": kind,
            "source": "aws.ec2",
            "account": ACCOUNT,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._account.region,
            "resources": [arn],
            "detail": detail,
        }
        self._post(json.dumps(event))

    def _boot_seconds(self, usual: float | None = None) -> float:
        if self.levers.slow_boots > 0:
            self.levers.slow_boots -= 1
            return self.levers.slow_boot_seconds
        spread = self._random.uniform(-1, 1) * self.levers.boot_spread
        return max((self.levers.boot_seconds if usual is None else usual) + spread, 0.0)

    def _registers(self) -> bool:
        if self.levers.never_register > 0:
            self.levers.never_register -= 1
            return False
        return True


def _with_aws_tags(tags: dict[str, str], template: Template | None) -> dict[str, str]:
    if template is None:
        return tags
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-instances-from-launch-template.html
    return {
        **tags,
        "aws:ec2launchtemplate:id": template.template_id,
        "aws:ec2launchtemplate:version": str(template.version),
    }
