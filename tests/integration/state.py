"""What must be the same in two homes after the same job: all but times, tries and past runs."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

_STORE = {
    "posts": (
        "SELECT source_id, native_id, url, thread, author, posted, edited, text, links,"
        " member_ids, revision, digest, deleted_at FROM posts"
    ),
    "media": "SELECT sha256, mime, size, width, height, pdq, pdq_quality, phash FROM media",
    "media_origins": "SELECT origin_id, sha256 FROM media_origins",
    "post_media": "SELECT post_id, position, url, kind, status, reason, sha256 FROM post_media",
    "findings": "SELECT id, case_id, post_id, media_sha256, distance, grade, status FROM findings",
    "alerts": "SELECT id, finding_id, recipient, state, message_id, error FROM alerts",
    "sources": "SELECT id, address, engine, state, state_detail, failures FROM sources",
    "dead_letters": "SELECT kind, doc_id FROM dead_letters",
    "index_outbox": "SELECT kind, doc_id FROM index_outbox",
    "open_runs": "SELECT id FROM runs WHERE outcome = 'running' OR ended_at IS NULL",
}
# `at` of a finding is when it was found.
_INDEX = (
    "SELECT kind, id, source, text, url, author, extra, CASE kind WHEN 'post' THEN at END FROM docs"
)


def state(folder: Path) -> dict[str, Any]:
    """Read all that a job leaves in a home folder, sorted."""
    found: dict[str, Any] = {}
    with closing(sqlite3.connect(folder / "haechi.db")) as db:
        for name, query in _STORE.items():
            found[name] = sorted(db.execute(query).fetchall(), key=str)
        rows = db.execute("SELECT source_id, key, value FROM checkpoints ORDER BY 1, 2").fetchall()
        found["checkpoints"] = [
            # SQLite gives back a bare number as one.
            (*names, _without_passes(json.loads(str(value))))
            for *names, value in rows
        ]
        found["integrity"] = db.execute("PRAGMA integrity_check").fetchall()
    if (folder / "search.db").exists():
        with closing(sqlite3.connect(folder / "search.db")) as db:
            found["documents"] = sorted(db.execute(_INDEX).fetchall(), key=str)
            # A document without its tokens, or tokens without their document, show here.
            found["words"] = db.execute(
                "SELECT count(*) FROM tokens WHERE rowid IN (SELECT row FROM docs)"
            ).fetchall()
            found["orphans"] = db.execute(
                "SELECT count(*) FROM docs WHERE row NOT IN (SELECT rowid FROM tokens)"
            ).fetchall()
    return found


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Say in which parts two states differ, and how."""
    parts = []
    for name in sorted(one.keys() | other.keys()):
        mine, theirs = one.get(name), other.get(name)
        if mine != theirs:
            parts.append(f"{name}: {mine!r:.600} instead of {theirs!r:.600}")
    return "\n".join(parts)


def _without_passes(value: Any) -> Any:
    """Drop how often a board was read, and when a thread: after a crash it is read once more."""
    if isinstance(value, dict):
        return {key: part for key, part in value.items() if key not in ("pass", "passes", "read")}
    return value
