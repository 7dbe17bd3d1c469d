"""`python -m idp`: one module per command, each of which parses, calls one function and prints."""

from __future__ import annotations

import typer

from idp.cli import (
    adopt,
    build,
    demo,
    doctor,
    keep,
    local,
    onboard,
    preview,
    recover,
    render,
    schema,
    seal,
    status,
    templates,
    trust,
    up,
    validate,
    welcome,
)

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="An internal developer platform as one Pulumi program."
)
for command in (
    validate.validate, preview.preview, render.render, schema.schema, onboard.onboard, onboard.retire, adopt.adopt,
    status.status, seal.seal, trust.trust, demo.demo, build.build, keep.keep, welcome.welcome,
):  # fmt: skip
    app.command()(command)
app.add_typer(templates.app, name="templates")
app.command()(doctor.doctor)
app.command()(recover.recover)
for command in (local.local, up.up, up.down, up.pulumi):
    app.command(context_settings=up.REST)(command)
