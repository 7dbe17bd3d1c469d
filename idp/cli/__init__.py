"""`python -m idp`: one module per command, each of which parses, calls one function and prints."""

from __future__ import annotations

import typer

from idp.cli import adopt, doctor, onboard, preview, recover, render, schema, seal, status, trust, up, validate

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="An internal developer platform as one Pulumi program."
)
for command in (
    validate.validate, preview.preview, render.render, schema.schema, onboard.onboard, onboard.retire, adopt.adopt,
    status.status, seal.seal, trust.trust,
):  # fmt: skip
    app.command()(command)
app.command()(doctor.doctor)
app.command()(recover.recover)
for command in (up.up, up.down, up.pulumi):
    app.command(context_settings=up.REST)(command)
