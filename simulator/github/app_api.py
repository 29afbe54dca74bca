"""REST: the app itself, its installations, tokens and webhook deliveries."""

import json
from typing import Any

from simulator.github.bodies import Json, node_id, number, utc
from simulator.github.deliveries import OK, Delivery
from simulator.github.identity import EVENTS, FULL, Account
from simulator.github.limits import OTHER_LIMITS
from simulator.github.paging import listed
from simulator.github.pipeline import NOT_FOUND, Call, Failure, Reply
from simulator.github.service import GitHubService


def app(service: GitHubService, call: Call) -> Reply:
    """Show the app."""
    app_id = service.apps.app_id
    owner = service.bodies.installation("acme", 1, org=True)["account"]
    return Reply(
        body={
            "id": app_id,
            "slug": "runs-fleet",
            "node_id": node_id("A", app_id),
            "client_id": "Iv23li0000000000",
            "owner": owner,
            "name": "runs-fleet",
            "description": None,
            "external_url": f"{service.root}/apps",
            "html_url": f"{service.root}/apps/runs-fleet",
            "created_at": utc(service.clock()),
            "updated_at": utc(service.clock()),
            "permissions": dict(FULL),
            "events": list(EVENTS),
            "installations_count": len(service.apps.accounts),
        }
    )


def installations(service: GitHubService, call: Call) -> Reply:
    """List where the app is installed."""
    accounts = [(a.installation_id, a) for a in service.apps.accounts.values()]
    return listed(call, accounts, write=lambda account: _installation(service, account))


def installation(service: GitHubService, call: Call) -> Reply:
    """Show the installation of an organization, a repository or a user."""
    if "repo" in call.params:
        account = service.apps.repos.get(call.repo.lower())
    else:
        login = call.params.get("org") or call.params["username"]
        account = service.apps.accounts.get(login.lower())
    if account is None or ("org" in call.params and not account.org):
        raise NOT_FOUND
    return Reply(body=_installation(service, account))


def token(service: GitHubService, call: Call) -> Reply:
    """Mint an installation token, for fewer repositories and permissions if so asked."""
    account = service.apps.by_id(call.number("installation_id"))
    if account is None:
        raise NOT_FOUND
    permissions = call.body.get("permissions")
    names = call.body.get("repositories")
    unknown = [p for p in permissions or () if p not in FULL]
    if unknown:
        raise Failure(422, f"The permissions requested are not granted: {unknown}")
    minted = service.apps.mint(
        account, ttl=service.hub.settings.token_ttl, permissions=permissions,
        repositories=frozenset(names) if names else None,
    )  # fmt: skip
    body: Json = {
        "token": minted.value,
        "expires_at": utc(minted.expires_at),
        "permissions": {name: minted.permissions[name] for name in minted.permissions},
        "repository_selection": "selected" if names else "all",
    }
    if names:
        body["repositories"] = _repositories(service, account, names)
    return Reply(201, body)


def hook_config(service: GitHubService, call: Call) -> Reply:
    """Show the app's webhook, and stars for its secret."""
    found = service.deliveries
    shown = {"url": found.target, "secret": "********" if found.secrets else None}
    given = {name: value for name, value in shown.items() if value}
    return Reply(body={"content_type": "json", "insecure_ssl": "0", **given})


def deliveries(service: GitHubService, call: Call) -> Reply:
    """List deliveries of the app's webhook, or of an organization's, newest first."""
    hook = "organization" if "org" in call.params else "integration"
    wanted = call.query.get("status")
    if wanted not in (None, "success", "failure"):
        raise Failure(422, "Validation Failed")
    found = (
        (delivery.id, delivery)
        for delivery in service.deliveries.recent()
        if delivery.hook == hook and wanted in (None, _verdict(delivery))
    )
    return listed(call, found, write=_item)


def delivery(service: GitHubService, call: Call) -> Reply:
    """Show one delivery with its request and its response."""
    found = _delivery(service, call)
    request = {"headers": found.headers, "payload": json.loads(found.event.body)}
    response = {"headers": found.reply_headers, "payload": found.reply}
    url = service.deliveries.target or ""
    return Reply(body=_item(found) | {"url": url, "request": request, "response": response})


def redeliver(service: GitHubService, call: Call) -> Reply:
    """Send a delivery once more."""
    service.deliveries.redeliver(_delivery(service, call))
    return Reply(202, {})


def rate_limit(service: GitHubService, call: Call) -> Reply:
    """Show all budgets; free of charge."""
    caller = f"app ID {service.apps.app_id}"
    if call.token is not None:
        caller = f"installation ID {call.token.account.installation_id}"
    names = ("core", "actions_runner_registration", *OTHER_LIMITS)
    facts = {name: service.limits.bucket(caller, name).facts for name in names}
    return Reply(body={"resources": facts, "rate": facts["core"]})


def _installation(service: GitHubService, account: Account) -> Json:
    body = service.bodies.installation(account.login, account.installation_id, org=account.org)
    return body | {"permissions": dict(FULL), "events": list(EVENTS)}


def _repositories(service: GitHubService, account: Account, names: list[str]) -> list[Any]:
    full = [f"{account.login}/{name}" for name in names]
    if any(name.lower() not in service.apps.repos for name in full):
        raise Failure(422, "There is at least one repository that does not exist or is not ours.")
    return [
        {"id": number(name), **service.bodies.repository(name, org=account.org)} for name in full
    ]


def _delivery(service: GitHubService, call: Call) -> Delivery:
    wanted = call.number("delivery_id")
    found = next((d for d in service.deliveries.recent() if d.id == wanted), None)
    if found is None:
        raise NOT_FOUND
    return found


def _verdict(delivery: Delivery) -> str:
    return "success" if delivery.status_code in OK else "failure"


def _item(delivery: Delivery) -> Json:
    event = delivery.event
    took = (delivery.answered_at or 0) - (delivery.sent_at or 0)
    return {
        "id": delivery.id,
        "guid": event.guid,
        "delivered_at": utc(delivery.made_at),
        "redelivery": delivery.redelivery,
        "duration": round(took, 2),
        "status": delivery.status,
        "status_code": delivery.status_code,
        "event": event.name,
        "action": event.action,
        "installation_id": event.installation_id,
        "repository_id": event.repository_id,
        "throttled_at": None,
    }
