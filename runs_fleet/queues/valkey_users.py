"""Who may do what at Valkey, as lines of its ACL file; pure.

Runners stand beside untrusted code, so their user may append to the stream of reports and do
nothing else. Passwords are written as hashes: https://valkey.io/topics/acl/
"""

import hashlib

from runs_fleet.queues.valkey import REPORTS

RUNNER = "+xadd"
FLEET = (
    "+xadd +xlen +xrange +xread +xreadgroup +xack +xdel +xpending +xclaim +xautoclaim "
    "+xgroup +xinfo +multi +exec +exists +set +del +evalsha +eval +script|load +ping +info"
)
PREFIX = "runs-fleet:"
NOBODY = "user default off nopass resetkeys resetchannels -@all"


def runner(name: str, password: str, *, stream: str = REPORTS) -> str:
    """The user of runners: appends to one stream, and cannot even read it."""
    return _line(name, password, f"resetchannels -@all %W~{stream} {RUNNER}")


def fleet(name: str, password: str, *, prefix: str = PREFIX) -> str:
    """The user of workers and of the API: all that queues need, on our own keys only."""
    return _line(name, password, f"resetchannels -@all ~{prefix}* {FLEET}")


def file(*lines: str) -> str:
    """The whole file: these users, and nobody who has not logged in."""
    return "".join(f"{line}\n" for line in (NOBODY, *lines))


def _line(name: str, password: str, rules: str) -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"user {name} on #{digest} {rules}"
