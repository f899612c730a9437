"""The tables, as of `SCHEMA_REVISION`; migrations bring an older store here."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)

# The head of migrations/versions; a test holds the two together.
SCHEMA_REVISION = "0011"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept as UTC: SQLite would drop the zone and keep local wall time."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into naive UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime can't be stored: its instant is unknown")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn naive UTC into an aware instant."""
        return None if value is None else value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

sources = Table(
    "sources",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("address", String, nullable=False, unique=True),
    Column("engine", String),
    Column("interval_s", Integer, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("state", String, nullable=False),
    Column("state_detail", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("last_success_at", UtcDateTime),
    Column("last_new_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("removed", Boolean, nullable=False),
    # Ids of the boards that were chosen; NULL: all.
    Column("boards", JSON(none_as_null=True)),
    # The operator's file of cookies; NULL: it is read as a guest.
    Column("cookies", Text),
    Column("browser", Boolean, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True),
    Column("key", String, primary_key=True),
    Column("value", JSON, nullable=False),
)

# What each way of reading a source met there last: an account by its name, or the web preview.
source_views = Table(
    "source_views",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True),
    Column("via", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

# Accounts that read Telegram; their sessions are files, encrypted.
telegram_accounts = Table(
    "telegram_accounts",
    metadata,
    Column("name", String, primary_key=True),
    Column("user_id", BigInteger, nullable=False),
    Column("state", String, nullable=False),
    Column("state_detail", Text, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Column("last_used_at", UtcDateTime),
    # What was spent on one day, in UTC.
    Column("day", String, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("names", Integer, nullable=False),
)

# Until when Telegram wants an account to leave one kind of request.
telegram_waits = Table(
    "telegram_waits",
    metadata,
    Column("account", ForeignKey("telegram_accounts.name"), primary_key=True),
    Column("method", String, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

# What an account needs to read a channel: it is another one for each account, and never expires.
telegram_peers = Table(
    "telegram_peers",
    metadata,
    Column("account", ForeignKey("telegram_accounts.name"), primary_key=True),
    Column("channel_id", BigInteger, primary_key=True),
    Column("access_hash", BigInteger, nullable=False),
    # In lower case; NULL: the channel has none.
    Column("username", String),
    Index("ix_telegram_peers_username", "account", "username"),
)

posts = Table(
    "posts",
    metadata,
    Column("id", String, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("native_id", String, nullable=False),
    # The native id as a number where it is one: pages account for ranges of them.
    Column("native_number", BigInteger),
    Column("url", Text, nullable=False),
    Column("board", Text),
    Column("thread", Text),
    Column("thread_id", String),
    Column("author", Text),
    Column("posted", UtcDateTime),
    Column("edited", Boolean, nullable=False),
    Column("fetched_at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("links", JSON, nullable=False),
    Column("member_ids", JSON, nullable=False),
    Column("forwarded_from", Text),
    Column("reply_to", Text),
    Column("views", BigInteger),
    # How often, by what it is; NULL where nobody reacted.
    Column("reactions", JSON(none_as_null=True)),
    # Which way of reading the source showed it; NULL where a source has one only.
    Column("via", String),
    Column("revision", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index("ix_posts_source_number", "source_id", "native_number"),
    Index("ix_posts_thread", "source_id", "thread_id", "native_number"),
    Index("ix_posts_posted", "posted"),
)

media = Table(
    "media",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("mime", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("pdq", String, nullable=False),
    Column("pdq_quality", Integer, nullable=False),
    Column("phash", String, nullable=False),
    Column("recipe", Integer, nullable=False),
    # NULL: seen before panels were hashed.
    Column("panels", JSON),
    Column("first_seen_at", UtcDateTime, nullable=False),
    # NULL: seen before it was taken.
    Column("md5", String, index=True),
    # Hashes of a video's frames (`monitor.models.frames`); NULL: a picture.
    Column("frames", LargeBinary),
    # Only a part of it was had: its digests are not those of the file.
    Column("partial", Boolean, nullable=False),
    Index("ix_media_with_frames", "sha256", sqlite_where=text("frames IS NOT NULL")),
)

# A site's own ids of stored files: the same id is the same file, so it is not fetched again.
media_origins = Table(
    "media_origins",
    metadata,
    Column("origin_id", String, primary_key=True),
    Column("sha256", ForeignKey("media.sha256"), nullable=False),
)

post_media = Table(
    "post_media",
    metadata,
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kind", String, nullable=False),
    Column("origin_id", String),
    Column("name", Text),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("sha256", ForeignKey("media.sha256"), index=True),
    Index("ix_post_media_status", "status", "attempts"),
)

# Where posts lead to: channels by their names in lower case.
channel_sightings = Table(
    "channel_sightings",
    metadata,
    Column("channel", String, primary_key=True),
    Column("how", String, primary_key=True),
    Column("post_id", ForeignKey("posts.id"), primary_key=True, index=True),
)

cases = Table(
    "cases",
    metadata,
    Column("id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("withdrawn_at", UtcDateTime),
    Column("consent_at", UtcDateTime),
    Column("consent_by", String),
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("id", String, primary_key=True),
    # Grows with each change and is never given twice: who has all up to one reads what follows.
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("content", String, nullable=False, unique=True),
    Column("sha256", String, index=True),
    Column("pdq", JSON, nullable=False),
    Column("quality", Integer, nullable=False),
    Column("phash", String),
    Column("recipe", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("md5", String),
    # Of a video; NULL: of a photo.
    Column("frames", LargeBinary),
    # Few have one: partners' lists of digests.
    Index("ix_fingerprints_md5", "md5", sqlite_where=text("md5 IS NOT NULL")),
    Index("ix_fingerprints_with_frames", "seq", sqlite_where=text("frames IS NOT NULL")),
)

# Whose bare hashes they are, and what these say of them.
partners = Table(
    "partners",
    metadata,
    Column("fingerprint_id", ForeignKey("fingerprints.id"), primary_key=True),
    Column("name", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("status", String, nullable=False),
    Column("cases", JSON, nullable=False),
)

# What partners call them by: several may share one photo, and each takes back their own.
partner_references = Table(
    "partner_references",
    metadata,
    Column("fingerprint_id", ForeignKey("fingerprints.id"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("reference", String, primary_key=True),
    Index("ix_partner_references_reference", "reference", "name"),
)

# The last number that was given, by the table it is for.
counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Encrypted; the key is never in the database.
local_features = Table(
    "local_features",
    metadata,
    Column("fingerprint_id", ForeignKey("fingerprints.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

# Encrypted, too.
windows = Table(
    "windows",
    metadata,
    Column("fingerprint_id", ForeignKey("fingerprints.id"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

# Of pictures that crawls saw lately, encrypted: photos to come are looked for in them.
seen_windows = Table(
    "seen_windows",
    metadata,
    Column("sha256", ForeignKey("media.sha256"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
)

# Fingerprints that matched too much that is unlike: their findings are not mailed.
quarantine = Table(
    "quarantine",
    metadata,
    # Without a foreign key, as in findings: a fingerprint may be gone.
    Column("fingerprint_id", String, primary_key=True),
    Column("case_id", String, nullable=False, index=True),
    Column("since", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("cluster", String, nullable=False),
    Column("post_id", ForeignKey("posts.id"), nullable=False, index=True),
    Column("media_sha256", ForeignKey("media.sha256"), nullable=False),
    # Without a foreign key: a withdrawal removes the fingerprint, the finding stays.
    Column("fingerprint_id", String, nullable=False),
    Column("method", String, nullable=False),
    Column("distance", Integer),
    Column("quality", Integer, nullable=False),
    Column("transform", String, nullable=False),
    Column("region", JSON, nullable=False),
    # NULL, not JSON's null, where there is none: it is asked for.
    Column("placing", JSON(none_as_null=True)),
    # When in a video; NULL: neither the post nor what is enrolled is one.
    Column("moment", JSON(none_as_null=True)),
    Column("grade", String, nullable=False),
    # What the partner whose hash it is said when it was found.
    Column("partner", JSON(none_as_null=True)),
    Column("found_at", UtcDateTime, nullable=False),
    # Found by a hunt in what was crawled before.
    Column("historic", Boolean, nullable=False),
    # The grade is less than what was matched: the fingerprint was in quarantine.
    Column("held", Boolean, nullable=False),
    Column("status", String, nullable=False),
    Column("decided_by", String),
    Column("decided_at", UtcDateTime),
    Index("ix_findings_fingerprint", "fingerprint_id", "found_at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", String, primary_key=True),
    Column("finding_id", ForeignKey("findings.id"), nullable=False),
    Column("case_id", String, nullable=False),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("channel", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_try_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("message_id", String, nullable=False),
    Column("error", Text, nullable=False),
)

# Health alerts: what the operators must see to.
notices = Table(
    "notices",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("text", Text, nullable=False),
    Column("channel", String, nullable=False),
    Column("recipient", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("next_try_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("message_id", String, nullable=False),
    Column("error", Text, nullable=False),
)

# What the search index must still take over; emptied by its drain.
index_outbox = Table(
    "index_outbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("doc_id", String, nullable=False),
    Column("enqueued_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("kind", String, primary_key=True),
    Column("doc_id", String, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False, index=True),
    Column("ended_at", UtcDateTime),
    Column("outcome", String, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("error", Text, nullable=False),
    # NULL where a source has one way only.
    Column("via", String),
    # What was left out, and why, of a run that ended well.
    Column("note", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    sqlite_autoincrement=True,
)
