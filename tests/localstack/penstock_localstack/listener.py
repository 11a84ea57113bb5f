"""Binds the edge port to the address in GATEWAY_LISTEN only."""

from __future__ import annotations

import functools

from localstack import config
from localstack.runtime import hooks


@hooks.on_infra_start(name="penstock_listener")
def install() -> None:
    """LocalStack listens on every interface. Then the whole network could run programs on this machine."""
    from localstack.runtime.server import twisted

    host = config.GATEWAY_LISTEN[0].host
    listen = twisted.endpoints.TCP4ServerEndpoint
    twisted.endpoints.TCP4ServerEndpoint = functools.partial(listen, interface=host)
