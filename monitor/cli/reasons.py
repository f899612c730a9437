"""How runs ended, in words, if possible with the way out."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from crawlers.addresses import rules_for
from crawlers.walks.fetch import NOT_FETCHED
from monitor.models.run import Outcome, Run
from monitor.models.source import Source, SourceKind
from monitor.settings import Settings


def outcome(run: Run) -> str:
    """Say how a run ended; a run of no pages is a good one where there was nothing to read."""
    one = run.counts
    met = one.posts_new + one.posts_edited + one.posts_deleted + one.media_hashed + one.findings
    return run.outcome if met or run.outcome is not Outcome.OK else f"{run.outcome}, nothing new"


def reason(run: Run, source: Source, settings: Settings) -> str:
    """Say why a run did not reach its end, if possible by the way out; empty where it did."""
    if run.outcome is Outcome.OK:
        return ""
    # What an account met is said first; of its preview, only after it.
    is_alone = run.error.startswith(NOT_FETCHED) or source.kind is SourceKind.FORUM
    return (private_hint(source, settings) if is_alone else "") or run.error


def private_hint(source: Source, settings: Settings) -> str:
    """Say what opens the way to a source that lives on a private address; empty for others."""
    is_forum = source.kind is SourceKind.FORUM
    url = urlsplit(source.address if is_forum else settings.telegram.preview_url)
    host = "127.0.0.1" if url.hostname == "localhost" else url.hostname or ""
    try:
        address = ip_address(host)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return ""
    if rules_for(url.geturl(), settings.network.allow_private).permit(host, port):
        return ""
    entry = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    return (
        f"{entry} is not a public address: crawls reach it when network.allow_private in "
        f'haechi.toml names it: allow_private = ["{entry}"]'
    )
