"""Makes the roles known to twistd. Strings only: a role is imported when it is started, or asked for its options."""

from twisted.application.service import ServiceMaker

agent = ServiceMaker(
    "ZeroGo agent",
    "zerogo.agent.twistd",
    "Makes this machine a member of a private network.",
    "zerogo-agent",
)

controller = ServiceMaker(
    "ZeroGo controller",
    "zerogo.controller.twistd",
    "Knows the members of a private network and introduces them to each other.",
    "zerogo-controller",
)

relay = ServiceMaker(
    "ZeroGo relay",
    "zerogo.relay.twistd",
    "Tells members of a private network their outer address (STUN).",
    "zerogo-relay",
)

agent = ServiceMaker(
    "ZeroGo agent",
    "zerogo.agent.twistd",
    "Makes this machine a member of a private network.",
    "zerogo-agent",
)

gateway = ServiceMaker(
    "ZeroGo gateway",
    "zerogo.gateway.twistd",
    "Takes SOCKS5 and HTTP proxy users, whose traffic leaves through edges.",
    "zerogo-gateway",
)

edge = ServiceMaker(
    "ZeroGo edge",
    "zerogo.edge.twistd",
    "Lets traffic of a gateway's users leave from this machine.",
    "zerogo-edge",
)
