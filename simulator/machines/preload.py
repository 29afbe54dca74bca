"""Imports and AWS service models loaded once, before the forks, so that a machine boots fast."""

import functools
import importlib
import logging
import sys
from collections.abc import Iterable

SERVICES = ("ec2", "sqs", "ssm")
log = logging.getLogger(__name__)


def load(modules: Iterable[str]) -> None:
    """Import what agents import; a module that is missing is the agent's own trouble."""
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            log.warning("not preloaded", extra={"module_name": name})
    if "boto3" in sys.modules:
        _warm_botocore()


def _warm_botocore() -> None:
    import boto3.session
    import botocore.session

    # A loader caches what it parses, but every session makes a loader of its own, and every
    # agent a session; parsing EC2's model alone takes a third of a second.
    make = botocore.session.create_loader
    botocore.session.create_loader = functools.cache(make)
    session = boto3.session.Session(
        aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1"
    )
    for service in SERVICES:
        session.client(service)  # type: ignore[call-overload]  # types know literal names only
