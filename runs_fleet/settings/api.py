"""What the webhook API is told."""

from typing import Annotated

from pydantic import Field, SecretStr

from runs_fleet.settings.common import Timing
from runs_fleet.settings.fields import COMMAS, SOME, SPOOL, FifoUrl, Port, secret, setting
from runs_fleet.settings.valkey import ValkeySettings

WebhookSecret = Annotated[SecretStr, Field(min_length=8)]


class ApiSettings(ValkeySettings, Timing):
    """Settings of `runs-fleet api`. Its spool is the one of its mode: SQS or Valkey."""

    host: str = setting("HOST", "an address to listen on", default="0.0.0.0")
    port: Port = setting("PORT", "a port, or 0 for any free one", default=8080)
    webhook_secrets: Annotated[tuple[WebhookSecret, ...], COMMAS, SOME] = secret(
        "WEBHOOK_SECRETS",
        "a comma list of webhook secrets of at least 8 characters each, the newest first",
    )
    spool_queue_url: FifoUrl | None = setting("EC2_SPOOL_QUEUE_URL", SPOOL, default=None)

    @property
    def sqs_spool(self) -> str | None:
        """The queue in which events wait while Temporal is away, in EC2 mode."""
        return self.spool_queue_url if self.mode == "ec2" else None

    @property
    def valkey_spool(self) -> str | None:
        """The server on which they wait in Kubernetes mode."""
        return self.valkey_url if self.mode == "k8s" else None
