"""Sign-in with GitHub: there is an OAuth app, GitHub knows it, and what cannot be told of it is said."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import github as pygithub

from idp import choices
from idp.lifecycle.checks import Finding
from idp.lifecycle.checks.github import BROKEN, SilentError, ask, broken, client, silence
from idp.settings import SECRETS, SIGN_IN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from idp.lifecycle.machine import Machine
    from idp.settings import Settings


def sign_in(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """Both halves of the app are there and belong together; only where this stack runs Argo CD."""
    if settings.forge:
        return
    given = {key: machine.token(key) for key in SIGN_IN}
    lacking = [key for key in SIGN_IN if not given[key]]
    apps = f"{settings.github.base}/organizations/{settings.config.organization}/settings/applications"
    callback = choices.addresses(settings.config).url(settings.config.domain) + "/"
    if settings.owner.guest or (len(lacking) == len(SIGN_IN) and settings.config.local):
        return
    if lacking:
        yield Finding(
            check=lacking[0],
            message="no OAuth app, so that nobody can sign in to Argo CD"
            if len(lacking) == len(SIGN_IN)
            else "an OAuth app has an id and a secret, and one of them is missing",
            remedy=f"make one at {apps}/new with callback {callback}, then "
            + " and ".join(
                f"python -m idp pulumi --stack {settings.stack} config set --secret {key} (or export {SECRETS[key]}=...)"
                for key in lacking
            ),
            fatal=len(lacking) == 1,
        )
        return
    if spoilt := [key for key in SIGN_IN if broken(str(given[key]))]:
        yield from (
            Finding(check=key, message=BROKEN, remedy=f"copy it again from {apps}", fatal=True) for key in spoilt
        )
        return
    try:
        app = pygithub.Auth.Login(*(str(given[key]) for key in SIGN_IN))
        if ask(client(settings, app), "/rate_limit").status == HTTPStatus.UNAUTHORIZED:
            message = "GitHub knows no OAuth app with this id and this secret"
            yield Finding(check=SIGN_IN[0], message=message, remedy=f"compare both at {apps}", fatal=True)
            return
    except SilentError as error:
        yield silence(settings, error)
        return
    message = f"whether its callback is {callback} cannot be told from here"
    yield Finding(check=SIGN_IN[0], message=message, remedy=f"look at {apps}", fatal=False, note=True)
