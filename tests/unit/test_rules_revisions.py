"""The rules of revisions on plain data."""

from app.errors import AlreadyExists, InUse, InvalidState, NotFound
from app.models import keys
from app.models.app import AppPatch
from app.models.instance import InstanceCreate
from app.models.revision import Ratification, Revision, RevisionCreate, RevisionState
from app.registry import apps, claims, life, revisions, tickets
from tests.unit.plain_registry import ARCHIVE, Registry

KEY = keys.revision("cat", "128af9")
ACCEPT = Ratification(archive_url=ARCHIVE)


def test_proposed_without_an_archive_and_accepted_with_one():
    registry = Registry().with_app()
    registry.do(revisions.register, "cat", RevisionCreate(ref="a"))
    registry.do(revisions.register, "cat", RevisionCreate(ref="b", archive_url=ARCHIVE))
    a, b = (registry.read(keys.revision("cat", ref), Revision) for ref in "ab")
    assert (a.state, a.archive_url) == (RevisionState.PROPOSED, None)
    assert (b.state, b.archive_url) == (RevisionState.ACCEPTED, ARCHIVE)


def test_a_ref_is_registered_once_and_only_in_an_app():
    registry = Registry().with_app().with_revision()
    registry.refuse(AlreadyExists, revisions.register, "cat", RevisionCreate(ref="128af9"))
    registry.refuse(NotFound, revisions.register, "dog", RevisionCreate(ref="128af9"), rev=2)


def test_ratifying_accepts_once():
    registry = Registry().with_app().with_revision(accepted=False)
    changes = registry.do(revisions.ratify, "cat", "128af9", ACCEPT)
    assert (set(changes.puts), changes.answer) == ({KEY}, KEY)
    revision = registry.read(KEY, Revision)
    assert (revision.state, revision.archive_url) == (RevisionState.ACCEPTED, ARCHIVE)
    assert (revision.rev, revision.created_rev) == (3, 2)
    registry.refuse(InvalidState, revisions.ratify, "cat", "128af9", ACCEPT, state="accepted")
    registry.refuse(NotFound, revisions.ratify, "cat", "b", ACCEPT, rev=3)


def test_purging_takes_it_alone():
    registry = Registry().with_app().with_revision("128af9").with_revision("128af9-2")
    registry.do(revisions.purge, "cat", "128af9")
    assert set(registry.picture()) == {"app/cat", "revision/cat,128af9-2"}
    registry.refuse(NotFound, revisions.purge, "cat", "128af9", rev=4)


def test_the_head_is_held():
    registry = Registry().with_app().with_revision()
    registry.do(apps.patch, "cat", AppPatch(head="128af9"))
    assert "head of cat" in registry.refuse(InUse, revisions.purge, "cat", "128af9").detail
    registry.do(apps.patch, "cat", AppPatch(head=None))
    registry.do(revisions.purge, "cat", "128af9")


def test_what_is_scaled_is_held_and_what_is_stopping_is_not():
    registry = Registry().with_app().with_revision().with_revision("other").with_proctype()
    registry.do(tickets.register, InstanceCreate(app="cat", revision="128af9", proctype="web"))
    registry.refuse(InUse, revisions.purge, "cat", "128af9")
    registry.do(revisions.purge, "cat", "other")
    registry.do(claims.claim, 1, "10.0.0.7")
    registry.refuse(InUse, revisions.purge, "cat", "128af9")
    registry.do(life.stop, 1)
    registry.do(revisions.purge, "cat", "128af9")
    assert registry.record(KEY) is None
