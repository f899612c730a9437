from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from monitor.errors import Misuse
from monitor.exchange import Given, Kind, Taken, Told, format_of
from monitor.exchange.ncmec import FORMAT
from monitor.models.case import Partner
from tests.fixtures.stock import digest, fingerprint

SPACE = "https://hashsharing.ncmec.org/hashsharing/v2"
MD5 = "ab" * 16


def entry(fingerprints: str, *, tag: str = "image", number: str = "image1") -> str:
    return (
        f'<{tag}><member id="42">A Member</member><timestamp>2017-10-24T15:00:00Z</timestamp>'
        f"<id>{number}</id><classification>A1</classification>"
        f"<fingerprints>{fingerprints}</fingerprints>"
        '<feedback><affirmativeFeedback type="Md5"><members><member id="1">B</member></members>'
        f"</affirmativeFeedback></feedback></{tag}>"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "entries.xml"


def read(path: Path, *entries: str) -> list[Given]:
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<queryResult xmlns="{SPACE}">'
        f'<images count="2" maxTimestamp="2017-10-24T15:10:00Z">{"".join(entries)}</images>'
        "<paging><next>/v2/entries?start=2001</next></paging></queryResult>"
    )
    assert format_of(path) is FORMAT
    return list(FORMAT.read(path, Kind.PDQ))


def test_an_entry_gives_its_hashes_and_who_calls_it_what(path: Path) -> None:
    words = f"<md5>{MD5.upper()}</md5><pdna>0,1,2</pdna><PDQ>{digest(1)}</PDQ>"
    (one,) = read(path, entry(words))
    assert one.hashes == {Kind.PDQ: digest(1), Kind.MD5: MD5}
    assert one.partner == Partner("NCMEC", "42/image1", "Active", {"image1": "A1"})


def test_a_deleted_entry_is_gone(path: Path) -> None:
    gone, other = read(
        path,
        '<deletedImage><member id="42">A</member><id>image1</id></deletedImage>',
        entry(f"<pdq>{digest(2)}</pdq>", tag="video", number="v"),
    )
    assert gone.is_gone
    assert gone.partner is not None
    assert gone.partner.reference == "42/image1"
    assert not other.is_gone


def test_what_can_not_be_matched_and_what_is_wrong_is_told_and_the_rest_is_read(path: Path) -> None:
    given = read(
        path,
        entry("<pdna>0,1,2</pdna><sha1>a</sha1>"),
        entry("<pdq>short</pdq>"),
        entry(f"<pdq>{digest(1)}</pdq>", number=""),
        entry(f"<pdq>{digest(1)}</pdq>"),
    )
    assert [one.place for one in given] == [f"entry {number}" for number in (1, 2, 3, 4)]
    assert given[0].unusable == "pdna, sha1"
    assert [one.fault for one in given] == ["", "has no PDQ hash where it says so", "has no id", ""]


BOMB = '<!ENTITY a0 "x">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            f"<!DOCTYPE queryResult [{BOMB}]><queryResult>&a8;</queryResult>",
            "entit",
        ),
        (
            '<!DOCTYPE queryResult [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            "<queryResult>&x;</queryResult>",
            "entit",
        ),
        ('<!DOCTYPE queryResult SYSTEM "http://127.0.0.1/x.dtd"><queryResult/>', "document type"),
        ("<queryResult>" + "<a>" * 100_000, "too deep"),
        ("<queryResult><images></queryResult>", "no XML from line 1"),
        ("<queryResult><images>", "no XML"),
        ('<?xml version="1.0" encoding="rot13"?><queryResult/>', "an encoding that is not known"),
        ('<?xml version="1.0" encoding="shift_jis"?><queryResult/>', "an encoding"),
        ('<queryResult a="' + "x" * (3 << 20) + '"/>', "a word in it is too long"),
    ],
)
def test_hostile_xml_is_one_line(path: Path, content: str, reason: str) -> None:
    path.write_text(content)
    with pytest.raises(Misuse, match=reason) as caught:
        list(FORMAT.read(path, Kind.PDQ))
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_long_text_is_no_hash(path: Path) -> None:
    (one,) = read(path, entry(f"<pdq>{'a' * 500_000}</pdq>"))
    assert one.fault


def test_feedback_is_for_or_against_and_names_a_reason() -> None:
    assert FORMAT.answer is not None
    partner = Partner("NCMEC", "42/image1")
    one = replace(fingerprint("p", [digest(1)]), md5=MD5, partner=partner)
    lines = "".join(FORMAT.answer([Taken(one, word) for word in Told], "guid<1>")).splitlines()
    calls = [json.loads(line) for line in lines]
    assert {call["put"] for call in calls} == {
        f"/v2/entries/42/image1/{kind}/feedback" for kind in ("PDQ", "MD5")
    }
    bodies = [ElementTree.fromstring(call["body"]) for call in calls]  # noqa: S314 - our own
    votes = [body[0].tag.rpartition("}")[2] for body in bodies]
    assert sorted(votes) == ["affirmative", "affirmative", "negative", "negative"]
    against = bodies[votes.index("negative")]
    assert [guid.text for guid in against.iter(f"{{{SPACE}}}guid")] == ["guid<1>"]
