"""The controller: members, addresses and keys of networks, behind a REST API and the agents' WebSocket, on one port.

Theory of operation. `service` opens the store, the keys and the port, and joins the parts. `membership` drives the
coordinator of `zerogo.control`: it answers its questions from the store and tells it what people decided. The REST API
is a table of routes (`routes`), each a plain function over `Desk`, which holds all that a route may use; `dispatch`
does for every route what must not be forgotten: who calls, may they, is the body right, how an error looks.

What people see live: members report their links, `link_book` keeps the last of it and `link_rings` its course,
`event_log` what happened; `live_feed` keeps all open dashboards on the newest picture, by the WebSockets of
`live_socket`. `live_view` joins these, and `fellow_view` adds what other controllers of the same database see.

- `membership`: between coordinator and store.
- `routes`, `dispatch`, `documents`, `problems`: the API; `account_routes`, `network_routes`, `member_routes` work.
- `tokens`, `passwords`, `login_limits`, `rate_limits`, `shared_limits`: who may call, and how often.
- `browsers`, `tickets`, `static_files`: the dashboard's cookie, its WebSocket's tickets, its files.
- `webhook_sender`: what happens, told to other programs.
- `site`: limits of HTTP. `service`, `twistd`: the role.
"""
