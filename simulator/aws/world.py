"""The parts of one simulated AWS, put together."""

from functools import cached_property

from simulator.aws.account import Account
from simulator.aws.ec2 import Ec2
from simulator.aws.faults import Faults
from simulator.aws.ledger import Ledger
from simulator.aws.life import Lives
from simulator.aws.models import AwsConfig, Setup
from simulator.aws.power import Power


class World:
    """Everything behind one URL; `open` before the first request."""

    def __init__(self, config: AwsConfig, url: str, power: Power) -> None:
        self.config = config
        self.url = url
        self.account = Account(config.region, events_queue=config.events_queue)
        self.ledger = Ledger(self.account)
        self.faults = Faults()
        self.lives = Lives(config, self.account, power)
        self.ec2 = Ec2(self.account, self.lives)

    def open(self) -> None:
        """Start the clock."""
        self.lives.timers.start()

    @cached_property
    def setup(self) -> Setup:
        """The account ready for a fleet, made at the first look."""
        return self.account.set_up(url=self.url, ssm_prefix=self.config.ssm_prefix)
