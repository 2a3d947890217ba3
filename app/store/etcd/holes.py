"""Holes in what a watch brings: a commit, or a part of one, that etcd has left out.

A hole would pass from here to every read and subscriber. Each commit of ours puts the journal again, so its
versions have to follow one another. A group's entry names its keys. What goes with a lease has no entry: it
shows at the next change of the same key.
"""

from app.store.etcd.client.errors import RevisionsMissing
from app.store.etcd.client.revisions import EtcdRevision, KeyEvent
from app.store.etcd.layout import RevisionJournal, follows, key_of
from app.store.etcd.revs import revision_of
from app.store.records import Record


def check_follows(journal: KeyEvent, last: int, watched: int) -> None:
    """Raises RevisionsMissing where the journal's entry does not come right after the one of version `last`,
    which was at or before the revision `watched`."""
    kv = journal.kv
    if not journal.deleted and not follows(kv.version, last):
        raise RevisionsMissing(f"{kv.version - last - 1} between revisions {watched} and {kv.mod_revision}")


def check_fits(event: KeyEvent, key: str, before: Record | None, watched: int) -> None:
    """Raises RevisionsMissing where the key was made or went away unseen."""
    kv = event.kv
    if event.deleted:
        seen = before is not None
    else:
        created = kv.mod_revision if before is None else revision_of(before.created_rev)
        seen = kv.create_revision == created
    if not seen:
        raise RevisionsMissing(f"what became of {key} between revisions {watched} and {kv.mod_revision}")


def check_whole(revision: EtcdRevision, entry: RevisionJournal | None, prefix: str) -> None:
    """Raises RevisionsMissing where a group's entry names a key of which the revision tells nothing: that
    would pass as its deletion."""
    if entry is None or len(entry.writes) < 2:
        return
    changed = {key_of(event.kv.key, prefix) for event in revision.events}
    made: set[str] = set()
    for write in entry.writes:
        for key in write.keys:
            if write.replaced.get(key) is not None:
                made.add(key)
            elif key not in write.replaced and key not in changed and key not in made:
                # One that the group itself has made and deleted leaves nothing; all else does.
                raise RevisionsMissing(f"what became of {key} in revision {revision.revision}")
