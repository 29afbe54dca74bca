"""The machine's own metadata, over IMDSv2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus

from runs_fleet.errors import Unavailable

TOKEN_SECONDS = "21600"
IPV4 = "http://169.254.169.254"
IPV6 = "http://[fd00:ec2::254]"


def endpoint(environ: Mapping[str, str]) -> str:
    """Find the service by the variables that the AWS SDKs know."""
    mode = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "")
    default = IPV6 if mode.lower() == "ipv6" else IPV4
    return environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or default


class Metadata:
    """What EC2 tells a machine about itself."""

    def __init__(self, base: str, *, timeout: float = 2.0) -> None:
        self._base = base.rstrip("/")
        self._timeout = timeout
        self._token = ""
        # Link-local addresses are never behind the proxy that a machine's environment names.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def instance_id(self) -> str:
        return self._needed("meta-data/instance-id")

    def region(self) -> str:
        return self._needed("meta-data/placement/region")

    def spot_notice(self) -> str | None:
        """Tell what will be done to this spot machine and when, or None.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
        """
        text = self._get("meta-data/spot/instance-action")
        if text is None:
            return None
        try:
            action = json.loads(text)
            return f"spot {action['action']} at {action['time']}"
        except (ValueError, TypeError, KeyError) as error:
            raise Unavailable("spot/instance-action is not what AWS documents") from error

    def _needed(self, path: str) -> str:
        text = self._get(path)
        if not text:
            raise Unavailable(f"the metadata service has no {path}")
        return text

    def _get(self, path: str) -> str | None:
        status, text = self._with_token(path)
        if status == HTTPStatus.UNAUTHORIZED:
            self._token = ""
            status, text = self._with_token(path)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise Unavailable(f"the metadata service answered {status} to {path}")
        return text.strip()

    def _with_token(self, path: str) -> tuple[int, str]:
        if not self._token:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": TOKEN_SECONDS}
            status, text = self._ask("PUT", "api/token", ttl)
            if status != HTTPStatus.OK:
                raise Unavailable(f"the metadata service answered {status} instead of a token")
            self._token = text.strip()
        return self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        url = f"{self._base}/latest/{path}"
        request = urllib.request.Request(url, method=method, headers=headers)
        try:
            with self._open(request, timeout=self._timeout) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ""
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"no answer from the metadata service: {error}") from error
