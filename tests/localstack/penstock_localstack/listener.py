"""The edge port on the address that GATEWAY_LISTEN names, and on no other."""

from __future__ import annotations

import functools

from localstack import config
from localstack.runtime import hooks


@hooks.on_infra_start(name="penstock_listener")
def install() -> None:
    """LocalStack passes the port alone and so listens on every interface: here that would offer the whole network
    to run programs on this machine.
    """
    from localstack.runtime.server import twisted

    host = config.GATEWAY_LISTEN[0].host
    listen = twisted.endpoints.TCP4ServerEndpoint
    twisted.endpoints.TCP4ServerEndpoint = functools.partial(listen, interface=host)
