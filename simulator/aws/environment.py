"""The environment that points boto3 at a simulated AWS."""


def aws_env(url: str, *, region: str, app: str) -> dict[str, str]:
    """Spell the world for boto3; `app` shows in the user agent, and so in the books."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AWS_SDK_UA_APP_ID": app,
    }
