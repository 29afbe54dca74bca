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


def redact(text: str) -> str:
    """Mask tokens of GitHub, JSON web tokens, JIT configs and private keys."""
    return SECRETS.sub(MASK, text)
