"""Dropping from the file what no kept rev needs, a little with each write.

The commits up to `oldest_rev` are gone through in order. A version that one of them wrote hides the
versions of that key before it from every kept snapshot, and where it is a deletion, itself too.
"""

import apsw

from app.store.sqlite.versions import sort_in

STEP = 16
"""Changes gone through with one write, and two more for each commit in it: the backlog shrinks, and
no write waits long. Each may touch some pages of its own, in places all over the file."""


def drop_step(connection: apsw.Connection, compacted: int, oldest: int, commits: int) -> int:
    """Go through some commits after the rev `compacted` up to `oldest`, which is above it, inside the
    caller's transaction; how far it got."""
    budget = STEP + 2 * commits
    end = compacted
    for rev, changes in connection.execute(
        "SELECT rev, changes FROM commits WHERE rev > ? AND rev <= ? ORDER BY rev", (compacted, oldest)
    ):
        end = rev
        budget -= max(changes, 1)
        if budget <= 0:
            break
    else:
        end = oldest
    if end == compacted:
        return compacted
    # Nothing to do, but where next to no history is kept.
    sort_in(connection, end)
    connection.execute(
        """DELETE FROM versions WHERE (key, rev) IN (
            SELECT earlier.key, earlier.rev
            FROM versions AS later JOIN versions AS earlier
            ON earlier.key = later.key AND earlier.rev < later.rev
            WHERE later.rev > ? AND later.rev <= ?)""",
        (compacted, end),
    )
    connection.execute(
        "DELETE FROM versions WHERE rev > ? AND rev <= ? AND length(value) = 0", (compacted, end)
    )
    # The last one stays: it says when the oldest snapshot was made, and by whom.
    connection.execute(
        "DELETE FROM commits WHERE rev < (SELECT max(rev) FROM commits WHERE rev <= ?)", (end,)
    )
    return end
