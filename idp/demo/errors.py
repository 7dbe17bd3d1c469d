"""Why a demo cannot run."""


class DemoError(Exception):
    """The text says what is lacking, with the last words of whatever failed."""
