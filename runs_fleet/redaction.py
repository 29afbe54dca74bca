"""The last net for secrets: what looks like one is masked wherever text leaves the process."""

import re

MASK = "[redacted]"
SECRETS = re.compile(
    # https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats
    r"gh[opsur]_[A-Za-z0-9_.\-]{8,}"
    r"|github_pat_[A-Za-z0-9_]{8,}"
    # Base64 of `{"`: JSON web tokens, and the JIT configs of runners.
    r"|eyJ[A-Za-z0-9+/_=.\-]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
# What tells strangers about the account that pays: it is no secret, and nobody's business.
OWN = re.compile(
    r"Encoded authorization failure message:.*"
    r"|arn:\S+"
    r"|\b[0-9]{12}\b"
    r"|\b(?:ami|eni|fleet|i|key|lt|pl|sg|snap|subnet|vol|vpc)-[0-9a-f]{8,17}\b",
    re.DOTALL,
)


def redact(text: str) -> str:
    """Mask tokens of GitHub, JSON web tokens, JIT configs and private keys."""
    return SECRETS.sub(MASK, text)


def public(text: str) -> str:
    """Mask also what names an AWS account and what is in it."""
    return OWN.sub(MASK, redact(text))
