"""`python -m idp`."""

from idp.cli import app

app(prog_name="python -m idp")
