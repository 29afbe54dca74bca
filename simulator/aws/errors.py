"""AWS errors as values that any of its protocols can spell."""


class AwsError(Exception):
    """An answer that is an error; `status` is HTTP's."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
