"""What each property means, for those who read the document and not the code.

A property with a description of its own keeps it. Here are the descriptions that follow from a property's
name, which means the same everywhere, and the exceptions, by schema.
"""

from typing import Any

OF_TYPES = {
    "An IP address or a DNS name.",
    "An IPv4 or IPv6 address.",
    "A host, or host:port.",
    "Number of a commit: a point in time.",
    "Of a process type.",
    "Of a revision or an env set.",
    "Of a service.",
    "Of a variable.",
    "Of an app.",
    "Of an instance.",
    "RFC 3339, UTC.",
    "host:port, or [address]:port for IPv6.",
    "host:port.",
}
"""Descriptions that a property has from its type: true of every property of the type, so no meaning yet."""

MEANINGS = {
    "actor": "Who made the change: the token's name, `Visor-Actor` of the request, or `anonymous`. "
    "The service's own changes have `visor`.",
    "addr": "The address that it has: a host, or host:port.",
    "app": "The app's name.",
    "archive_url": "Where the built archive is: a URL, or a path that hosts know. Null while proposed.",
    "at": "When it happened: the time of the commit.",
    "claim_rev": "The rev of the present claim: a fencing token that only grows. Null where there is none.",
    "claimed_at": "When it was claimed last; null where it is pending or was never claimed.",
    "client": "Who says so: a person or a program.",
    "count": "How many instances: pending, claimed and running ones.",
    "created_at": "When it was registered.",
    "created_rev": "The rev at which it was registered.",
    "deploy_type": "How its instances are deployed.",
    "ended_at": "When it came to a final state; null before.",
    "endpoint": "The endpoint's id.",
    "env": "The ref of the env set that it runs with; null for none.",
    "error": "Why the host gave the claim back; null if it gave no reason.",
    "head": "The revision that is current, by its ref; null where none is named.",
    "host": "The host that holds the claim, or on which it is; null where there is none.",
    "hostname": "The name to reach the process by, as its host gave it; null before the start.",
    "id": "The instance's number: unique for ever, and ascending.",
    "instance": "The instance's number.",
    "instance_id": "The instance that the process runs.",
    "ip": "The address behind the host's name; null where it is not known.",
    "items": "The items of this page.",
    "key": "The variable's name.",
    "kind": "What it is one of.",
    "labels": "What is known of the target, for relabeling.",
    "limits": "What an instance may take.",
    "lock": "Who has locked it, why and since when; null where it is not locked.",
    "member": "The member's address.",
    "memory_limit_mb": "Megabytes of memory that an instance may take; null for no limit.",
    "name": "Its name.",
    "next": "Where to go on.",
    "object": "The resource after the event; before it, for an `-unregister`.",
    "oldest_rev": "The oldest rev that can still be read.",
    "port": "The port on which it listens; null where it is not known.",
    "proctype": "The process type's name.",
    "reason": "Why, for people to read; null if no reason was given.",
    "ref": "Its name, unique within the app.",
    "registered_at": "When the ticket was registered.",
    "repo_url": "Where the source is, as git takes it.",
    "restarts": "How often the process was started again in place.",
    "rev": "The rev of its last change.",
    "revision": "The ref of the revision.",
    "runner": "The runner's address.",
    "secrets": "Its secrets by name: the rev of each, and a fingerprint that changes with the value.",
    "service": "The service's name.",
    "stack": "The system that its instances run on, by name.",
    "started_at": "When the process ran; null before.",
    "state": "Where it is in its life.",
    "status": "Where it is in its life.",
    "statuses": "Instances by their status, those that ended included.",
    "stopped_at": "When it was asked to stop; null before.",
    "target": "The host that answers, for an SRV record; null where it is the address.",
    "targets": "The one address to scrape.",
    "tele_port": "The port of the process's own telemetry; null for none.",
    "ttl": "Seconds after which the member is removed if it is not PUT again; null for never.",
    "type": "What happened.",
    "updated_at": "When it was changed last.",
    "value": "The variable's value.",
    "vars": "Variables by their names.",
    "version": "The version that runs there; null if it is not known.",
}

EXCEPTIONS = {
    "App.env": "The app's variables, by their names.",
    "AppCreate.env": "The first variables, by their names.",
    "AppEntry.deploy_type": "How its instances are deployed; null for the default.",
    "AppEntry.env": "Variables to set; null removes one.",
    "AppEntry.env_sets": "Env sets that should exist.",
    "AppEntry.exact": "Lists from which everything that is not named here is removed.",
    "AppEntry.head": "The revision to make current; null for none.",
    "AppEntry.proctypes": "Proctypes that should exist.",
    "AppEntry.revisions": "Revisions that should exist.",
    "AppPatch.head": "The revision to make current, which has to be registered; null for none.",
    "Bucket.from_at": "Where the bucket begins.",
    "Bucket.to_at": "Where it ends.",
    "Bucket.total": "How many commits it has.",
    "Claim.host": "The host that claims the instance.",
    "ClaimEntry.at": "When the claim was made.",
    "ClaimEntry.host": "The host that made the claim.",
    "ClaimNext.app": "Only tickets of this app.",
    "ClaimNext.host": "The host that claims the ticket.",
    "ClaimNext.proctype": "Only tickets of process types of this name.",
    "Claimer.host": "The host that holds the claim and makes this call.",
    "CommitDetail.changes": "What it changed, each with what was before and after.",
    "CommitDetail.total": "How many changes it made, those that are not shown here included.",
    "CommitSummary.changes": "What it changed: the first of its changes.",
    "CommitSummary.total": "How many changes it made, those that are not shown here included.",
    "Deleted.rev": "The rev of the commit that removed it.",
    "Document.apps": "Apps that should exist, or be removed.",
    "Document.services": "Services that should exist, or be removed.",
    "Ended.at": "When it was unregistered.",
    "Ended.client": "Who unregistered it; null if the call did not say.",
    "Ended.rev": "The rev at which it was unregistered.",
    "Endpoint.port": "The port at which the service answers there.",
    "EndpointCreate.ip": "The address behind `addr`; null to have a name looked up now.",
    "EndpointCreate.port": "The port at which the service answers there.",
    "EndpointEntry.ip": "The address behind `addr`; null to have a name looked up now.",
    "EndpointEntry.port": "The port at which the service answers there.",
    "EventPage.items": "The events, in the order in which they happened.",
    "EventPage.next": "The `rev` to go on after, for the next page or the next wait.",
    "EventPage.rev": "The latest rev that was looked at.",
    "Failure.host": "The host that holds the claim and makes this call.",
    "Failure.reason": "Why it failed, for people to read.",
    "GoneEvent.type": "`gone`.",
    "Grant.apps": "Of a viewer, a deployer and a secret-reader: the apps that it is for.",
    "Grant.hosts": "Of a host: the hosts that it may speak for.",
    "Grant.services": "Of a registrar: the services that it is for.",
    "InstanceCreate.env": "The ref of the env set to run with; null for none.",
    "InstanceCreate.proctype": "The process type to run.",
    "InstanceCreate.revision": "The revision to run, which has to be accepted.",
    "Live.status": "`ok`.",
    "Lock.at": "Since when.",
    "Lock.client": "Who has locked it.",
    "LockRequest.client": "Who locks it: a person or a program.",
    "LockRequest.reason": "Why, for people to read.",
    "Loss.client": "Who reports the loss: a person or a program.",
    "Loss.reason": "Why it is considered lost, for people to read.",
    "MarkEvent.rev": "All that happened up to this rev was sent.",
    "MarkEvent.type": "`snapshot-end` or `bookmark`.",
    "Member.kind": "Which part of the platform it is.",
    "PlanCounts.create": "Objects that are made.",
    "PlanCounts.delete": "Objects that go.",
    "PlanCounts.keys": "Keys of the store that the commit changes.",
    "PlanCounts.start": "Tickets that are registered.",
    "PlanCounts.stop": "Instances that are taken back or become stopping.",
    "PlanCounts.update": "Objects that change.",
    "Planned.counts": "How much of each kind the plan does.",
    "Proctype.port": "The port that was claimed for it, unique in the registry.",
    "ProctypeEntry.limits": "The limits to change; null takes all of them away.",
    "ProctypeEntry.scale": "The counts that it should have; those that are not named stay.",
    "ProctypePatch.limits": "The limits to change; null takes all of them away.",
    "Restart.count": "How many restarts to add.",
    "Restart.reason": "Which counter to add to.",
    "Restarts.fail": "After the process had failed.",
    "Restarts.oom": "After it had run out of memory.",
    "RevInfo.at": "When the commit was made; null before the first.",
    "RevInfo.next_at": "When that was made; null where there is none. Only where a time was asked for.",
    "RevInfo.next_rev": "The commit after it; null where there is none. Only where a time was asked for.",
    "RevInfo.rev": "The rev of the snapshot: the latest, or the one asked for.",
    "RevisionCreate.archive_url": "Where the built archive is, to register it as accepted at once.",
    "RevisionEntry.archive_url": "Where the built archive is; null or absent leaves it as it is.",
    "Rotation.overlap": "For how many seconds the old secret stays valid.",
    "Runner.host": "The host of the runner's address.",
    "RunnerEvent.host": "The host of the runner's address.",
    "Scale.items": "The counts, one for each revision and env set.",
    "ScaleCount.env": "The ref of the env set; null for instances without one.",
    "ScaleCount.rev": "The rev of the target's last change; null where there is no target.",
    "ScaleCount.statuses": "The same by status, those that are stopping or ended included.",
    "ScaleCount.target": "The target; null if they were never scaled, or are scaled to 0.",
    "ScaleEntry.count": "How many instances should run.",
    "ScaleEntry.env": "The ref of the env set; null for instances without one.",
    "ScaleEvent.env": "The ref of the env set; null for instances without one.",
    "ScaleEvent.previous": "The target before; null where there was none.",
    "ScaleRecord.env": "The ref of the env set; null for instances without one.",
    "ScaleRecord.target": "How many instances should run.",
    "ScaleTarget.count": "How many instances should run.",
    "Scaled.count": "How many there are now.",
    "Scaled.previous": "How many there were.",
    "Scaled.rev": "The rev of the last commit of the call.",
    "Scaled.started": "The ids of the tickets that were registered.",
    "Scaled.stopped": "The ids of the instances that were taken back or are stopping.",
    "SchemaInfo.version": "The version of the stored layout.",
    "Self.expires_at": "When the token ends; null for never.",
    "Self.grants": "What the caller may do.",
    "ServiceEntry.endpoints": "Endpoints that should exist.",
    "ServiceEntry.exact": "Lists from which everything that is not named here is removed.",
    "ShownChange.after": "The object after the commit; null where it is gone.",
    "ShownChange.before": "The object before the commit; null where it was not there.",
    "SnapshotEvent.host": "The host of a runner's address.",
    "SnapshotEvent.kind": "What the object is.",
    "SnapshotEvent.object": "The object as it is at the start of the stream.",
    "SnapshotEvent.rev": "The rev of the object's last change.",
    "SnapshotEvent.type": "`snapshot`.",
    "Start.host": "The host that holds the claim and makes this call.",
    "Start.hostname": "The name by which the process is reached.",
    "Start.port": "The port on which the process listens.",
    "Start.tele_port": "The port of the process's own telemetry, where it has one.",
    "Token.created_by": "Who made it.",
    "Token.expires_at": "When it ends; null for never.",
    "Token.grants": "What it allows: all that any of them allows.",
    "Token.last_used_at": "When it was used last, to the hour; null for never.",
    "TokenSet.expires_at": "When it is to end; null for never.",
    "TokenSet.grants": "What the token may do.",
    "TokenSet.sha256": "SHA-256 of the whole token, in hex: the secret itself is never sent.",
    "Unclaim.error": "Why the claim is given back; kept in `claims`.",
    "Unclaim.host": "The host that holds the claim and makes this call.",
    "Unregistered.count": "How many were unregistered.",
}

_EVENT = {
    "rev": "The rev of the commit that it is part of.",
    "at": "The time of the commit.",
    "env": "The ref of the env set.",
    "host": "The host that it is on.",
}
"""What a property of an event means that means something else in a resource."""

_STATUSES = "Instances that are {}."

_PAGE_REV = "The rev of the snapshot that the page is of."


def tell(schemas: dict[str, Any]) -> None:
    """Have every property of the schemas say what it means."""
    for name, schema in schemas.items():
        for property_, field in schema.get("properties", {}).items():
            meaning = _meaning(name, property_, field.get("description", ""))
            if meaning:
                field["description"] = meaning


def _meaning(schema: str, name: str, text: str) -> str:
    """What the property means; "" where it says so itself, or nobody does."""
    words, default, value = text.partition("Default:")
    own = EXCEPTIONS.get(f"{schema}.{name}")
    if own is None and words.strip() and words.strip() not in OF_TYPES:
        return ""
    if own is None and schema == "Statuses":
        own = _STATUSES.format(name)
    if own is None and name == "rev" and schema.endswith("Page"):
        own = _PAGE_REV
    if own is None and schema.endswith("Event"):
        own = _EVENT.get(name)
    meaning = own or MEANINGS.get(name, "")
    return f"{meaning} {default}{value}".rstrip() if default else meaning
