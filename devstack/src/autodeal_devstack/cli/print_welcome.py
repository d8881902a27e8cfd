"""What a newcomer reads when the platform is up: addresses, tokens, three lines to paste."""

from __future__ import annotations

import shlex
from pathlib import Path

import aiohttp
from rich.console import Console

from autodeal_devstack.cli.home import Home
from autodeal_devstack.stack import Stack


async def print_welcome(console: Console, home: Home, stack: Stack) -> None:
    """Print it; tokens and commands stay on one line each, however long, so that they can be pasted."""
    gateway, admin, buyer = stack.gateway_url, await stack.admin_token(), await stack.buyer_token()
    vehicle = await cheapest_vehicle(gateway)
    console.print("\n[bold]AutoDeal is up.[/]")
    for title, url in (
        ("platform", gateway),
        ("its API", f"{gateway}/docs"),
        ("payment provider", stack.sandbox_url),
    ):
        console.print(f"  {title:<17}{url}")
    console.print("\n[bold]Tokens[/] for an hour (`autodeal token --group Buyer --user 1` makes more)")
    plain(console, f"ADMIN={admin}")
    plain(console, f"BUYER={buyer}")
    console.print("\n[bold]Try it[/]: see what is for sale, buy the cheapest, look at the order")
    header = home.write_header("buyer", buyer)
    stack.keeper.remove_at_end(header)
    for line in curl_lines(gateway, header, vehicle):
        plain(console, line)
    console.print("\n[dim]Logs: `autodeal logs`. Processes: `autodeal status`. Ctrl-C stops everything.[/]")


def curl_lines(gateway: str, header: Path, vehicle: int) -> list[str]:
    """Return three shell lines, each of which works by itself; the token is in a file, for it is long."""
    curl = f"curl -s -H @{shlex.quote(str(header))}"
    json = "-H 'content-type: application/json' -d '{\"payment_method\": \"pix\"}'"
    sale = f"-H 'idempotency-key: my-first-car' {json} {gateway}/vehicle/{vehicle}/initialize-sale"
    newest = f"$({curl} '{gateway}/orders?limit=1' | sed -E 's/^\\[\\{{\"id\":([0-9]+).*/\\1/')"
    return [
        f"curl -s '{gateway}/vehicles?limit=3'; echo",
        f"{curl} -X POST {sale}; echo",
        f"{curl} {gateway}/orders/{newest}; echo",
    ]


async def cheapest_vehicle(gateway: str) -> int:
    """Return the id of the first vehicle for sale, or 1 when there is none."""
    async with aiohttp.ClientSession() as session, session.get(f"{gateway}/vehicles?limit=1") as response:
        found = await response.json()
    return int(found[0]["id"]) if found else 1


def plain(console: Console, line: str) -> None:
    """Print a line without wrapping or markup."""
    console.print(line, soft_wrap=True, markup=False)
