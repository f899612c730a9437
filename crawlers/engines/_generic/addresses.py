"""What an address of an unknown forum says: of a board, a thread, a post, a person or a deed."""

from __future__ import annotations

import hashlib
import re
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from crawlers.urls import query, with_query

# Session ids, campaigns, and where in a page to look.
_NOISE = re.compile(
    r"sid|s|phpsessid|jsessionid|session|sessionid|session_id|utm_[a-z]+|fbclid|gclid|highlight|hl|"
    r"view|goto|unread|first-?unread|ref|from|next|return|redirect|_",
    re.IGNORECASE,
)
_SESSIONS = frozenset({"sid", "s", "phpsessid", "jsessionid", "sessionid", "session_id"})
# Threads are numbered through all boards where they are named so.
_THREAD_NAMES = frozenset({"t", "tid", "topic", "topic_id", "thread", "thread_id", "threadid"})
_BOARD_NAMES = frozenset({"f", "fid", "forum", "forum_id", "forumid"})
_SESSION_IN_PATH = re.compile(r";(?:jsessionid|sid)=[^/?#]*", re.IGNORECASE)
# Whose number is a post's: to be taken out of an address that names its thread, too.
_POST_NAMES = frozenset({"p", "pid", "post", "post_id", "postid", "msg", "message", "comment"})
_POST_NAMES |= {"comment_id", "commentid", "cid", "reply", "find", "jump", "answer"}
_PAGE_NAMES = frozenset(
    {"page", "pg", "paged", "pageno", "page_no", "page_num", "pagenum", "cpage"}
)
_PAGE_NAMES |= {"start", "offset", "st", "from_row", "p", "pn", "currentpage", "current_page"}
_POST_STEPS = frozenset({"post", "posts", "comment", "comments", "message", "msg", "reply", "p"})
_BOARDS = frozenset({"board", "boards", "forum", "forums", "category", "categories", "cat", "c"})
_BOARDS |= {"f", "viewforum", "forumdisplay", "subforum", "group", "groups", "section", "sections"}
_BOARDS |= {"list", "lists", "bo_table", "mid", "fid", "board_id", "node", "room"}
_BOARDS |= {"forum_id", "cid", "bid", "b", "channel", "channels", "tags", "tag"}
# Under these, a name and a number are of one board.
_GROUPS = frozenset({"c", "cat", "category", "categories", "tag", "tags"})
_THREADS = frozenset(
    {"topic", "topics", "thread", "threads", "t", "d", "discussion", "discussions"}
)
_THREADS |= {"viewtopic", "showthread", "view", "read", "article", "articles", "question", "tid"}
_THREADS |= {"questions", "q", "wr_id", "document_srl", "no", "topic_id", "thread_id", "idx", "num"}
_THREADS |= {"article_id", "articleno", "seq", "post", "posts", "conversation", "story", "entry"}
_DEEDS = frozenset({"reply", "edit", "quote", "report", "login", "logout", "signin", "signup"})
_DEEDS |= {"register", "registration", "search", "print", "printview", "printthread", "members"}
_DEEDS |= {
    "memberlist",
    "calendar",
    "delete",
    "flag",
    "vote",
    "like",
    "likes",
    "subscribe",
    "subscription",
    "feed",
}
_DEEDS |= {"feeds", "rss", "atom", "admin", "publish", "create", "add", "new", "newtopic", "write"}
_DEEDS |= {"newreply", "newthread", "history", "bookmark", "bookmarks", "attachment", "download"}
_DEEDS |= {
    "attachments",
    "settings",
    "help",
    "faq",
    "about",
    "rules",
    "terms",
    "privacy",
    "contact",
}
_DEEDS |= {"moderate", "move", "lock", "share", "notifications", "messages", "unsubscribe", "find"}
_DEEDS |= {"sendmessage", "pm", "stats", "online", "whosonline", "markread", "mark", "account"}
_DEEDS |= {"accounts", "auth", "signout", "upload", "active", "latest", "unread", "recent", "media"}
_DEEDS |= {"close", "merge", "revisions"}
_DEEDS |= {"static", "password", "poll", "update", "modify", "scrap", "recommend", "api", "archive"}
_IN_PARTS = frozenset({"login", "logout", "memo", "formmail", "report", "print"})
_PEOPLE = frozenset({"user", "users", "u", "profile", "profiles", "member", "people", "person"})
_PEOPLE |= {"author", "authors", "uid", "userid", "user_id", "mb_id", "member_srl", "username"}
_DEED_NAMES = frozenset({"action", "act", "do", "mode", "cmd", "sort", "order", "orderby", "sst"})
_DEED_NAMES |= {"sfl", "stx", "filter", "search", "q", "keyword", "replyto", "quote_id", "lang"}
_NUMBERED = re.compile(
    r"[0-9]{1,18}|(?:[0-9]{1,18})[-.].*|.*[-.][0-9]{1,18}(?:\.html?)?", re.DOTALL
)
_DIGITS = re.compile(r"[0-9]{1,18}")
_PAGE_STEP = re.compile(r"/(?:page[-/]?|p)([0-9]{1,6})(?:\.html?)?/?$", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(?:php|html?|aspx?|jsp|do|cgi|pl)$", re.IGNORECASE)
_SHORT_STEPS = frozenset({"t", "d", "topic", "topics", "thread", "threads", "discussion", "q"})
_SAFE = re.compile(r"[^A-Za-z0-9_-]+")


def steps(url: str) -> list[str]:
    """List the folders of a path and its file, without the suffix of a script."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    # Where servers can't rewrite addresses, a path follows the script.
    path = parts.path if "=" in parts.query else f"{parts.path}/{parts.query}"
    return [_SUFFIX.sub("", step) for step in path.split("/") if step]


def canonical(url: str) -> str:
    """Drop session ids, jumps to a post and anchors."""
    given = query(url)
    bare = _SESSION_IN_PATH.sub("", url)
    if not given:
        return bare.partition("#")[0]
    kept = {name: value for name, value in given.items() if not _NOISE.fullmatch(name)}
    has_thread = any(_NUMBERED.fullmatch(step) for step in steps(bare)) or (
        len([name for name in kept if name.lower() in _THREADS - _POST_NAMES]) > 0
    )
    for name in list(kept):
        is_first = name.lower() in _PAGE_NAMES and kept[name] == ("1" if "p" in name else "0")
        is_jump = has_thread and name.lower() in _POST_NAMES and name.lower() != "p"
        is_board_too = name.lower() in _BOARD_NAMES and not _THREAD_NAMES.isdisjoint(
            other.lower() for other in given
        )
        if is_first or is_jump or is_board_too or not kept[name]:
            del kept[name]
    return with_query(bare, kept)


def without_session(url: str) -> str:
    """Drop only what is of a visit, and anchors: all else may be needed to get a file."""
    given = query(url)
    kept = {name: given[name] for name in given if name.lower() not in _SESSIONS}
    return url.partition("#")[0] if kept == given else with_query(url, kept)


def place(url: str) -> tuple[str, int]:
    """Tell what a canonical address is a page of, and how far on it is."""
    found = _PAGE_STEP.search(url.partition("?")[0])
    if found is not None:
        return url.partition("?")[0][: found.start()].rstrip("/"), int(found[1])
    given = query(url)
    if not given:
        return url.rstrip("/"), 0
    for name in given:
        if name.lower() in _PAGE_NAMES and _DIGITS.fullmatch(given[name]):
            rest = {other: given[other] for other in given if other != name}
            return _bare(with_query(url, rest)), int(given[name])
    return _bare(url), 0


def _bare(url: str) -> str:
    path, mark, rest = url.partition("?")
    return f"{path.rstrip('/')}{mark}{rest}"


def thread_of(url: str) -> str:
    """Take the number of a page out of a canonical address: that of a thread's first page."""
    found = _PAGE_STEP.search(url.partition("?")[0])
    if found is not None:
        return url.partition("?")[0][: found.start()] + "/"
    given = query(url)
    pages = [name for name in given if name.lower() in _PAGE_NAMES]
    if not any(_DIGITS.fullmatch(given[name]) for name in pages):
        return url
    return with_query(url, {name: given[name] for name in given if name not in pages})


def key_of(url: str) -> str:
    """Name a board or thread by its address: letters, digits, "_", "-" and "."; 64 at most.

    A title in the address counts only where there is no number: servers correct it by redirects.
    """
    bare, _ = place(url)
    names = _identity(steps(bare))
    given = sorted(query(bare).items())
    if any(_DIGITS.fullmatch(value) for _, value in given) and len(names) > 1:
        names = names[-1:]
    names += [f"{name}-{value}" for name, value in given]
    safe = ".".join(_SAFE.sub("_", unquote(name)) for name in names) or "index"
    if _DIGITS.fullmatch(safe):
        safe = f"n.{safe}"
    plain = ".".join(names)
    if safe == plain and len(safe) <= 60:
        return safe
    digest = hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{safe[:40].strip('._')}.{digest}"


def _identity(path: list[str]) -> list[str]:
    numbers = [index for index, step in enumerate(path) if _NUMBERED.fullmatch(step)]
    whole = [index for index in numbers if _DIGITS.fullmatch(path[index])]
    if not numbers:
        return path
    last = (whole or numbers)[-1]
    kept = path[: last + 1]
    if len(kept) > 2 and kept[-3].lower() in _SHORT_STEPS and last in whole:
        del kept[-2]
    return [_number_in(step) or step for step in kept]


def _number_in(step: str) -> str | None:
    if not _NUMBERED.fullmatch(step):
        return None
    found = re.match(r"[0-9]{1,18}(?=[-.]|$)", step) or re.search(
        r"[0-9]{1,18}(?=(?:\.html?)?$)", step
    )
    return found[0] if found else None


def shape(url: str) -> str:
    """Reduce a canonical address to what it has in common with those of its kind."""
    names: list[str] = []
    for step in steps(url):
        word = step.lower()
        if _DIGITS.fullmatch(step):
            names.append("0")
        elif word in _BOARDS or word in _THREADS:
            names.append(word)
        else:
            names.append("*0" if _NUMBERED.fullmatch(step) else "*")
    return "/".join(names) + "?" + "&".join(sorted(name.lower() for name in query(url)))


def is_board(url: str) -> bool | None:
    """Tell by its words whether an address is a board's, else a thread's; None: they don't say."""
    given = {name.lower() for name in query(url)}
    if given & _THREADS:
        return False
    names = [step.lower() for step in steps(url)]
    words = [name for name in names if name in _BOARDS or name in _THREADS]
    numbers = sum(bool(_NUMBERED.fullmatch(name)) for name in names)
    if words and words[-1] in _THREADS and (words[-1] != names[-1] or given):
        return False
    if given & _BOARDS:
        return True
    if not words or words[-1] in _THREADS:
        return None
    # /board/free/12 is a post of the board "free".
    beyond = len(names) - names.index(words[-1]) - 1
    if words[-1] not in _GROUPS and beyond >= 2 and _DIGITS.fullmatch(names[-1]) and numbers == 1:
        return False
    return True if beyond >= 1 or given else None


def is_form_of(url: str, own: str) -> bool:
    """Tell whether an address is that of a numbered page with other options, such as an order."""
    path = steps(own)
    return any(_NUMBERED.fullmatch(step) for step in path) and steps(url) == path


def is_person(url: str) -> bool:
    """Tell whether an address is of a user."""
    names = [step.lower() for step in steps(url)]
    if any(name.startswith(("@", "~")) for name in names):
        return True
    names += [name.lower() for name in query(url)]
    return not _PEOPLE.isdisjoint(names)


def is_deed(url: str) -> bool:
    """Tell whether an address does something, or lists what is listed elsewhere, too."""
    names = [step.lower() for step in steps(url)]
    given = {name.lower() for name in query(url)}
    words = {word for name in names for word in re.split(r"[-_]", name)} if len(names) else set()
    exact = set(names)
    return bool(exact & _DEEDS or (given & (_DEED_NAMES | _DEEDS)) or _IN_PARTS & words)


def post_number(url: str) -> tuple[str, int] | None:
    """Read the number of a post that an address names, but for its anchor, and its word."""
    for name, value in query(url).items():
        if name.lower() in _POST_NAMES and _DIGITS.fullmatch(value):
            return name.lower(), int(value)
    path = [step.lower() for step in steps(url)]
    for word, number in pairwise(path):
        if word in _POST_STEPS and _DIGITS.fullmatch(number):
            return word, int(number)
    return None


def root(url: str) -> str:
    """Cut a page's address before the first word that boards or threads have folders under."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    kept: list[str] = []
    folders = parts.path.split("/")[1:-1]
    for step in folders:
        if step.lower() in _BOARDS or step.lower() in _THREADS or _DIGITS.fullmatch(step):
            break
        kept.append(step)
    path = "/" + "".join(f"{step}/" for step in kept)
    return parts._replace(path=path, query="", fragment="").geturl()
