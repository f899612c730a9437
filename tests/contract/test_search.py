"""Every search index gives the same documents for the same query."""

from __future__ import annotations

import random
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import Misuse
from monitor.search.base import Query, SearchDoc, SearchIndex
from monitor.search.sqlite import SqliteIndex

# Each opens the index that belongs to a folder: the same folder again gives the same documents.
INDEXES: dict[str, Callable[[Path], SearchIndex]] = {
    "sqlite": lambda folder: SqliteIndex(folder / "search.db"),
}

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=list(INDEXES.values()), ids=list(INDEXES))
def open_index(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], SearchIndex]]:
    opened: list[SearchIndex] = []

    def open_one() -> SearchIndex:
        index: SearchIndex = request.param(tmp_path)
        opened.append(index)
        return index

    yield open_one
    for index in opened:
        index.close()


@pytest.fixture
def index(open_index: Callable[[], SearchIndex]) -> SearchIndex:
    return open_index()


def post(number: int, text: str, **changes: object) -> SearchDoc:
    doc = SearchDoc(
        kind="post",
        id=f"p{number:05}",
        at=START + timedelta(minutes=number),
        source="@channel",
        text=text,
        url=f"https://t.me/channel/{number}",
        author="누군가",
        extra={"thread": "자유", "views": number, "board": None},
    )
    return replace(doc, **changes)


def found(index: SearchIndex, text: str, **rest: object) -> list[str]:
    result = index.search(Query(text, limit=1_000, **rest))  # type: ignore[arg-type]
    assert result.total == len(result.hits)
    return [hit.doc.text for hit in result.hits]


# --- What matches


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("사진", "합성사진 유포"),
        ("사", "합성사진 유포"),
        ("진", "합성사진 유포"),
        ("합성사진", "그 합성사진을 봤다"),
        ("성사", "합성사진"),
        ("유포 합성", "합성사진 유포"),
        ('"합성사진 유포"', "합성사진, 유포합니다"),
        ('"사진 유"', "합성사진 유포"),
        ("“사진 유”", "합성사진 유포"),
        ("텔레그램", "텔레그램에서"),
        ("사진", "ㅅㅏ진"),
        ("사진", "사\u200b진"),
        ("사진", "사\u3164\u00ad진"),
        ("사진", "사\u0336진\u0336"),
        ("사진", unicodedata.normalize("NFD", "합성사진")),
        (unicodedata.normalize("NFD", "사진"), "합성사진"),
        ("사진", "사진abc"),
        ("写真", "合成写真です"),
        ("が", "ｶﾞ が"),
        ("photo", "Photos for all"),
        ("PHOTO", "ｐｈｏｔｏ"),
        ("photo", "𝐩𝐡𝐨𝐭𝐨"),
        ("cafe", "Café"),
        ("фото", "ФОТОГРАФИЯ"),
        ("@some_name", "ask @some_name now"),
        ("name", "ask @some_name now"),
        ("#사진", "#사진방"),
        ("t.me/abc", "https://t.me/abcdef"),
        ("2026-01", "on 2026-01-31"),
        ("strasse", "Straße"),
        ("a" * 300, "b " + "a" * 400),
    ],
)
def test_query_finds_text(index: SearchIndex, query: str, text: str) -> None:
    index.upsert([post(1, text), post(2, "관계없는 글 nothing")])
    assert found(index, query) == [text]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("사진", "합성사 진짜"),
        ("사진", "사 진"),
        ("사진", "사.진"),
        ('"합성 유포"', "합성사진 유포"),
        ('"유포 합성"', "합성 유포"),
        ("사진 공유", "합성사진 유포"),
        ("합성사진", "합성사건"),
        ("성합", "합성"),
        ("hoto", "photo"),
        ("t.me/abc", "t.me/xabc"),
        ("か", "が"),
        ("a" * 300, "a" * 299),
        ("🔥", "🔥 불"),
        ("!!!", "!!!"),
    ],
)
def test_query_does_not_find_text(index: SearchIndex, query: str, text: str) -> None:
    index.upsert([post(1, text)])
    assert found(index, query) == []


@pytest.mark.parametrize("query", ["", "  \n\t", "\u200b", "\x00"])
def test_blank_query_gives_all_documents_newest_first(index: SearchIndex, query: str) -> None:
    index.upsert([post(number, f"글 {number}") for number in (2, 3, 1)])
    assert found(index, query) == ["글 3", "글 2", "글 1"]
    assert found(index, query, sort="relevance") == ["글 3", "글 2", "글 1"]


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '""',
        '"사진',
        '사"진"',
        "-사진",
        "사진 -x",
        "NEAR(사진, 2)",
        "사진 OR",
        "AND",
        "NOT 사진",
        "사진*",
        "*",
        "text: 사진",
        "{text}: 사진",
        "^사진",
        "사진 + 사진",
        "(사진",
        "')--",
        "%사진_",
        "\\사진",
        "사\x00진",
        "\ud800사진\udfff",
        "사진" * 5_000,
        "사 진 " * 2_500,
        '"' * 10_000,
        " ".join(map(str, range(3_000))),
        "\u0300\u0316" * 5_000,
        "\ufdfa" * 5_000,
        "\U0010ffff\ufffe",
    ],
)
@pytest.mark.parametrize("sort", ["time", "relevance"])
def test_hostile_query_is_answered(index: SearchIndex, query: str, sort: str) -> None:
    index.upsert([post(1, "합성사진"), post(2, query)])
    result = index.search(Query(query, sort=sort))  # type: ignore[arg-type]
    assert result.total <= 2


def test_document_is_found_by_its_own_hostile_text(index: SearchIndex) -> None:
    text = 'NEAR("a" -b) OR 사진* \x00 \ud800 \u202e 끝'
    index.upsert([post(1, text)])
    assert index.search(Query(text)).total == 1


# --- What comes back


def test_hit_carries_the_whole_document(index: SearchIndex) -> None:
    seoul = timezone(timedelta(hours=9))
    doc = post(
        1,
        "합성사진\n둘째 줄\x00",
        at=datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=seoul),
        author=None,
    )
    index.upsert([doc])
    (hit,) = index.search(Query("사진")).hits
    assert hit.doc == doc
    assert hit.doc.at.utcoffset() == timedelta(0)


def test_lone_surrogates_become_question_marks(index: SearchIndex) -> None:
    index.upsert([post(1, "사진\ud800", id="a\udfff", author="\ud800", extra={"\ud800": "\ud801"})])
    (hit,) = index.search(Query("사진")).hits
    assert hit.doc == post(1, "사진?", id="a?", author="?", extra={"?": "?"})
    index.remove([("post", "a\udfff")])
    assert index.count() == 0


def test_snippet_marks_what_matched(index: SearchIndex) -> None:
    index.upsert([post(1, "앞글 " * 100 + "ＰＨＯＴＯ 합성\u200b사진 " + "뒷글 " * 100)])
    (hit,) = index.search(Query("photo 합성사진")).hits
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["ＰＨＯＴＯ", "합성사진"]
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")
    assert len(hit.snippet) < 200


def test_snippet_is_safe_in_a_terminal(index: SearchIndex) -> None:
    index.upsert([post(1, "\x1b[31m사진\x1b]0;t\x07\x9b\u202e\r\n끝\u2028")])
    (hit,) = index.search(Query("사진")).hits
    assert hit.snippet == "[31m사진]0;t 끝 "


def test_relevance_puts_the_document_with_more_of_it_first(index: SearchIndex) -> None:
    index.upsert([post(1, "사진 사진 사진"), post(2, "사진 " + "다른 말이 많다 " * 20)])
    hits = index.search(Query("사진", sort="relevance")).hits
    assert [hit.doc.id for hit in hits] == ["p00001", "p00002"]
    assert hits[0].score > hits[1].score
    assert [hit.doc.id for hit in index.search(Query("사진")).hits] == ["p00002", "p00001"]


def test_equal_times_are_ordered_by_kind_and_id(index: SearchIndex) -> None:
    docs = [post(0, "사진", kind=kind, id=id_) for kind in ("post", "finding") for id_ in "ba"]
    index.upsert(docs)
    hits = index.search(Query("사진")).hits
    assert [(hit.doc.kind, hit.doc.id) for hit in hits] == sorted((d.kind, d.id) for d in docs)


def test_pages_together_are_the_whole(index: SearchIndex) -> None:
    index.upsert([post(number, f"사진 {number}") for number in range(57)])
    pages = [index.search(Query("사진", limit=10, offset=offset)) for offset in range(0, 70, 10)]
    assert {page.total for page in pages} == {57}
    ids = [hit.doc.id for page in pages for hit in page.hits]
    assert ids == [f"p{number:05}" for number in reversed(range(57))]
    assert index.search(Query("사진", limit=0)).total == 57


@pytest.mark.parametrize(
    "wrong",
    [{"limit": -1}, {"limit": 1_001}, {"offset": -1}, {"since": datetime(2026, 1, 1)}],  # noqa: DTZ001
)
def test_impossible_query_is_misuse(wrong: dict[str, object]) -> None:
    with pytest.raises(Misuse):
        Query("사진", **wrong)  # type: ignore[arg-type]


# --- Filters


@pytest.mark.parametrize("text", ["", "사진"])
def test_filters_narrow_together(index: SearchIndex, text: str) -> None:
    index.upsert(
        [
            post(number, f"사진 {number}", source=f"@s{number % 2}", kind=kind, id=f"{number}")
            for number in range(10)
            for kind in ("post", "finding")
        ]
    )
    since, until = START + timedelta(minutes=2), START + timedelta(minutes=6)
    hits = index.search(Query(text, since=since, until=until, source="@s0", kind="finding")).hits
    assert [(hit.doc.kind, hit.doc.id) for hit in hits] == [("finding", "4"), ("finding", "2")]
    assert index.search(Query(text, since=since)).total == 16
    assert index.search(Query(text, until=until)).total == 12
    assert index.search(Query(text, source="@s")).total == 0
    assert index.search(Query(text, source="\ud800")).total == 0
    assert index.search(Query(text, kind="post")).total == 10


# --- Changes


def test_upserting_twice_changes_nothing(index: SearchIndex) -> None:
    docs = [post(number, f"사진 {number}") for number in range(20)]
    index.upsert(docs)
    before = index.search(Query("사진", sort="relevance"))
    index.upsert(docs)
    assert index.search(Query("사진", sort="relevance")) == before
    assert index.count() == 20


def test_update_replaces_text_and_facts(index: SearchIndex) -> None:
    index.upsert([post(1, "합성사진 유포")])
    index.upsert([post(1, "지운 글", source="@other", extra={"case": "c1"})])
    assert found(index, "사진") == []
    assert found(index, "유포") == []
    assert found(index, "지운", source="@other") == ["지운 글"]
    assert index.search(Query("지운")).hits[0].doc.extra == {"case": "c1"}


def test_last_of_two_with_one_id_counts(index: SearchIndex) -> None:
    index.upsert([post(1, "첫째"), post(1, "둘째")])
    assert found(index, "") == ["둘째"]
    assert found(index, "첫째") == []


def test_kinds_do_not_share_ids(index: SearchIndex) -> None:
    index.upsert([post(1, "사진"), post(1, "사진", kind="finding")])
    assert (index.count(), index.count("post"), index.count("finding")) == (2, 1, 1)
    index.remove([("post", "p00001"), ("post", "unknown")])
    assert (index.count(), index.count("post"), index.count("finding")) == (1, 0, 1)
    assert len(found(index, "사진")) == 1


def test_clear_removes_everything(index: SearchIndex) -> None:
    index.upsert([post(1, "사진")])
    index.clear()
    assert index.count() == 0
    assert found(index, "사진") == []
    index.upsert([post(1, "사진")])
    assert found(index, "사진") == ["사진"]


def test_nothing_to_do_is_fine(index: SearchIndex) -> None:
    index.upsert([])
    index.remove([])
    assert index.count() == 0


def test_documents_survive_reopening(open_index: Callable[[], SearchIndex]) -> None:
    first = open_index()
    first.upsert([post(1, "합성사진")])
    first.close()
    first.close()
    assert found(open_index(), "사진") == ["합성사진"]


def test_reader_works_while_another_writes(open_index: Callable[[], SearchIndex]) -> None:
    writer, reader = open_index(), open_index()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for batch in range(20):
                writer.upsert([post(batch * 50 + number, "사진") for number in range(50)])
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    seen = [0]
    while thread.is_alive():
        seen.append(reader.search(Query("사진")).total)
    thread.join()
    assert not failures
    assert seen == sorted(seen)
    assert reader.search(Query("사진")).total == 1_000


def test_one_index_serves_many_threads(index: SearchIndex) -> None:
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for number in range(20):
                index.upsert([post(name * 100 + number, "사진")])
                index.search(Query("사진"))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert index.search(Query("사진")).total == 80


# --- Against a naive matcher that knows nothing of tokens


def plain(text: str) -> str:
    """Write a text as its runs with one space around each."""
    text = unicodedata.normalize("NFKD", text.replace("\u200b", "")).casefold()
    text = "".join(char for char in text if not unicodedata.combining(char))

    def sort_of(char: str) -> str:
        if not char.isalnum():
            return "between"
        return "pairs" if "가" <= char <= "힣" or "一" <= char <= "鿿" else "word"

    runs = groupby(unicodedata.normalize("NFC", text), sort_of)
    return " " + "".join("".join(run) + " " for sort, run in runs if sort != "between")


def oracle(docs: Sequence[SearchDoc], terms: Sequence[str]) -> set[str]:
    wanted = []
    for term in terms:
        runs = plain(term).rstrip()
        # A run of pairs may be entered in its middle, a word only at its beginning.
        wanted.append(runs[1:] if "가" <= runs[1:2] <= "힣" or "一" <= runs[1:2] <= "鿿" else runs)
    wanted = [runs for runs in wanted if runs.strip()]
    if not wanted:
        return set()
    return {doc.id for doc in docs if all(runs in plain(doc.text) for runs in wanted)}


def query_of(terms: Sequence[str]) -> str:
    return " ".join(
        f'"{term}"' if " " in term or index % 2 else term for index, term in enumerate(terms)
    )


ALPHABET = "가가나다사진 一二ab1ＡéA_.\u200b"
TEXTS = st.text(ALPHABET, max_size=14)
TERMS = st.text(ALPHABET, min_size=1, max_size=5).filter(lambda term: plain(term).strip() != "")


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(texts=st.lists(TEXTS, max_size=12), terms=st.lists(TERMS, min_size=1, max_size=3))
def test_results_equal_those_of_a_naive_matcher(
    index: SearchIndex, texts: list[str], terms: list[str]
) -> None:
    docs = [post(number, text) for number, text in enumerate(texts)]
    index.clear()
    index.upsert(docs)
    result = index.search(Query(query_of(terms), limit=1_000))
    assert {hit.doc.id for hit in result.hits} == oracle(docs, terms)
    assert result.total == len(result.hits)
    assert all(hit.marks for hit in result.hits)


def test_two_thousand_changing_documents_equal_a_naive_matcher(index: SearchIndex) -> None:
    rnd = random.Random(20260101)  # noqa: S311

    def words(count: int) -> str:
        return " ".join(
            "".join(rnd.choices("가나다라마바사진합성abcd12", k=rnd.randrange(1, 5)))
            for _ in range(rnd.randrange(1, count))
        )

    docs = {number: post(number, words(12)) for number in range(2_000)}
    index.upsert(list(docs.values()))
    changed = {number: post(number, words(12)) for number in rnd.sample(range(2_000), 600)}
    index.upsert(list(changed.values()))
    docs |= changed
    for number in rnd.sample(range(2_000), 300):
        index.remove([("post", docs.pop(number).id)])
    kept = list(docs.values())
    assert index.count() == len(kept) == 1_700
    for _ in range(120):
        terms = words(3).split() if rnd.random() < 0.7 else [words(4)]
        result = index.search(Query(query_of(terms), limit=1_000))
        expected = oracle(kept, terms)
        assert result.total == len(expected), terms
        if result.total <= 1_000:
            assert {hit.doc.id for hit in result.hits} == expected, terms
