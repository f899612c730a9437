"""What the first pages of a place told: its software, its boards, some posts, and what was not."""

from __future__ import annotations

from monitor.cli.output import brief, count, say, table
from monitor.cli.probe import Reading
from monitor.cli.reasons import reason
from monitor.models.source import GENERIC, Source, SourceKind
from monitor.settings import Settings
from monitor.store import posts

# Boards that are listed for a person; `--json` has all.
_SHOWN_BOARDS = 60


def show(reading: Reading, settings: Settings, *, newest: int = 10) -> None:
    """Print what was seen.

    Args:
        newest: Posts to show at most.
    """
    run, source = reading.run, reading.source
    counts = run.counts
    by = f" by {run.via}" if run.via else ""
    why = reason(run, source, settings)
    say(": ".join(filter(None, (source.address, f"{run.outcome}{by}", why))))
    if source.kind is SourceKind.FORUM:
        _show_forum(reading)
    say(
        f"{count(counts.pages, 'page')}, {count(len(reading.posts), 'post')}, "
        f"{count(counts.media_hashed, 'picture')} read, "
        f"{counts.media_skipped + counts.media_failed} not"
    )
    table(
        ("id", "posted", "author", "board", "media", "text"),
        [
            (row.native_id, row.posted, row.author, row.board, media, brief(row.text))
            for row, media in reading.posts[-newest:]
        ],
        empty="no posts were seen",
    )


def _show_forum(reading: Reading) -> None:
    """Print what is particular to forums."""
    engine = engine_of(reading.source) or "not recognised"
    sure = f", {reading.sure:.0%} sure" if reading.sure is not None else ""
    say(f"engine: {engine}{sure}")
    if lack := untold(reading.told):
        say(lack)
    if reading.boards:
        shown = list(reading.boards.items())[:_SHOWN_BOARDS]
        table(("board", "title"), shown, empty="")
        if len(shown) < len(reading.boards):
            say(f"and {count(len(reading.boards) - len(shown), 'more board')}")


def engine_of(source: Source) -> str:
    """Name the engine of a forum; empty where it is not known."""
    about = " (unknown software, read by general signals)" if source.engine == GENERIC else ""
    return f"{source.engine or ''}{about}"


def untold(told: posts.Told) -> str:
    """Say what the pages of a source did not tell of its posts; empty where they told all."""
    lacks = [
        f"{name} of {'all' if has == 0 else f'{told.posts - has} of'} {count(told.posts, 'post')}"
        for name, has in (
            ("authors", told.authors),
            ("times", told.times),
            ("boards", told.boards),
        )
        if has < told.posts
    ]
    return f"not told: {', '.join(lacks)}" if lacks else ""
