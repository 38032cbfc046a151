"""The other agent of `test_aioice`, a program: aioice on asyncio, on the loopback address.

Standard output, one JSON value a line: its credentials and candidates; then, once connected, its remote address.
Standard input: ours in one line. Each datagram that comes in over the connection is sent back. It ends with the input.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aioice
import aioice.ice


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def echo(connection: aioice.Connection) -> None:
    while True:
        await connection.send(await connection.recv())


async def main(is_controlling: bool) -> None:
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    connection = aioice.Connection(ice_controlling=is_controlling)
    await connection.gather_candidates()
    say(
        {
            "ufrag": connection.local_username,
            "pwd": connection.local_password,
            "candidates": [each.to_sdp() for each in connection.local_candidates],
        }
    )
    loop = asyncio.get_running_loop()
    remote = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    connection.remote_username, connection.remote_password = remote["ufrag"], remote["pwd"]
    for text in remote["candidates"]:
        await connection.add_remote_candidate(aioice.Candidate.from_sdp(text))
    await connection.add_remote_candidate(None)
    await connection.connect()
    say([str(each) for each in connection._nominated[1].remote_addr])
    echoing = asyncio.create_task(echo(connection))
    await loop.run_in_executor(None, sys.stdin.readline)
    echoing.cancel()
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] == "controlling"))
