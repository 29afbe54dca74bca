"""What the webhook API is told."""

from typing import Annotated

from pydantic import Field, SecretStr

from runs_fleet.settings.common import Timing
from runs_fleet.settings.fields import COMMAS, SOME, SPOOL, FifoUrl, Port, secret, setting

WebhookSecret = Annotated[SecretStr, Field(min_length=8)]


class ApiSettings(Timing):
    """Settings of `runs-fleet api`."""

    host: str = setting("HOST", "an address to listen on", default="0.0.0.0")
    port: Port = setting("PORT", "a port, or 0 for any free one", default=8080)
    webhook_secrets: Annotated[tuple[WebhookSecret, ...], COMMAS, SOME] = secret(
        "WEBHOOK_SECRETS",
        "a comma list of webhook secrets of at least 8 characters each, the newest first",
    )
    spool_queue_url: FifoUrl | None = setting("EC2_SPOOL_QUEUE_URL", SPOOL, default=None)
