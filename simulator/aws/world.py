"""The parts of one simulated AWS, put together."""

import json
from functools import cached_property

from simulator.aws import wire
from simulator.aws.account import Account
from simulator.aws.ec2 import Ec2
from simulator.aws.faults import Faults
from simulator.aws.ledger import Ledger
from simulator.aws.life import Lives
from simulator.aws.models import AwsConfig, Books, Setup
from simulator.aws.power import Power
from simulator.aws.sqs import Sqs
from simulator.aws.ssm import Ssm

ZONES = 3
DEAD_LETTERS_AFTER = 5
PRIVATE_CIDRS = ("172.31.96.0/20", "172.31.112.0/20", "172.31.128.0/20")


class World:
    """Everything behind one URL; `open` before the first request."""

    def __init__(self, config: AwsConfig, url: str, power: Power) -> None:
        self.config = config
        self.url = url
        self.account = Account(config.region)
        self.ssm = Ssm()
        self.sqs = Sqs(url=url, region=config.region)
        self.ledger = Ledger()
        self.faults = Faults()
        self.lives = Lives(
            config,
            self.account,
            power=power,
            post=lambda event: self.sqs.post(config.events_queue, event),
        )
        self.ec2 = Ec2(self.account, self.lives)

    def open(self) -> None:
        """Start the clock."""
        wire.warm_up()
        self.lives.timers.start()

    def books(self) -> Books:
        """Close the books as they stand."""
        return self.ledger.books(parameters=self.ssm.history(), queues=self.sqs.depths())

    @cached_property
    def setup(self) -> Setup:
        """The account ready for a fleet, made at the first look."""
        subnets = self.account.default_subnets()[:ZONES]
        reports, dead = self._buried("runs-fleet-reports", ".fifo")
        spool, spool_dead = self._buried("runs-fleet-spool", ".fifo")
        events, _ = self._buried(self.config.events_queue)
        return Setup(
            launch_template_amd64=self.account.make_template("amd64", "x86_64"),
            launch_template_arm64=self.account.make_template("arm64", "arm64"),
            subnets=tuple(s.subnet_id for s in subnets),
            private_subnets=tuple(map(self.account.make_subnet, subnets, PRIVATE_CIDRS)),
            reports_queue_url=reports,
            dead_letter_queue_url=dead,
            spool_queue_url=spool,
            spool_dead_letter_queue_url=spool_dead,
            events_queue_url=events,
            ssm_prefix=self.config.ssm_prefix,
        )

    def _buried(self, name: str, suffix: str = "") -> tuple[str, str]:
        """Make a queue and that for its dead letters."""
        dead = f"{name}-dead{suffix}"
        grave = self._queue(dead)
        policy = {
            "deadLetterTargetArn": self.sqs.arn(dead),
            "maxReceiveCount": DEAD_LETTERS_AFTER,
        }
        return self._queue(f"{name}{suffix}", RedrivePolicy=json.dumps(policy)), grave

    def _queue(self, name: str, **attributes: str) -> str:
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        made = self.sqs.create_queue({"QueueName": name, "Attributes": attributes})
        return str(made["QueueUrl"])
