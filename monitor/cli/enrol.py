"""`haechi enrol` and `fingerprint`: photos become fingerprints, and are forgotten."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from monitor.cli import preview
from monitor.cli.deliver import deliver
from monitor.cli.home import Home, actor, opened
from monitor.cli.local import Film, open_local
from monitor.cli.output import complain, count, progress, say
from monitor.cli.vpdq import DEFAULT_EVERY_S, write_vpdq
from monitor.clock import utc_now
from monitor.errors import MediaError, Misuse
from monitor.exchange import FORMATS, Kind, save
from monitor.features.extract import MAX_AREA, POST_AREA, luma
from monitor.features.sealing import Sealer, sealer
from monitor.models.case import Fingerprint
from monitor.pictures import Picture, PictureLimits, as_shown
from monitor.registry import enrolment
from monitor.registry.enrolment import Region
from monitor.registry.files import keep_up
from monitor.sandbox.pictures import Decoder, open_decoder
from monitor.sandbox.videos import VideoDecoder, open_videos
from monitor.settings import SandboxSettings
from monitor.store import cases
from monitor.streams import Stream
from monitor.videos.limits import VideoLimits
from monitor.videos.watch import Watched
from pipelines.look_back import Sought, look_back

Paths = Annotated[list[Path], typer.Argument(help="Photos or videos, or folders of them.")]
CaseId = Annotated[str, typer.Option("--case", help="The case's id; no person's name.")]
Crop = Annotated[
    str,
    typer.Option(
        "--crop",
        help="x,y,w,h of the photo in a screenshot: shares of 0-1, or pixels. "
        "Without it, a photo in a screenshot or a frame is found by itself.",
    ),
]
NoCrop = Annotated[bool, typer.Option("--no-crop", help="The whole picture is the photo.")]
LocalFeatures = Annotated[
    bool | None,
    typer.Option(
        "--local-features/--no-local-features",
        help="The photos' owner agreed that local features are kept, encrypted: beside the hashes "
        "they find what was altered most. No deletes them again "
        "[default: as agreed for the case before].",
    ),
]

# Photos whose pixels are in memory, to be looked for together.
_SOUGHT_AT_ONCE = 20

# On the owner's device there is time, and no settings.
_OWN = SandboxSettings(video_seconds=600)

_HUNT = "what was crawled before is searched by: haechi hunt"

CropChoice = Callable[[Path, Picture], Region | None]
_CropChoiceUnderBar = Callable[[Progress, Path, Picture], Region | None]


@dataclass
class Tally:
    """What became of the photos of one command.

    Attributes:
        videos: How many of those that were added are videos.
        agrees: It is said now that the photos' owner agreed to local features.
        anew: What was said of the photos' place replaces what was taken for it before.
    """

    anew: bool = False
    agrees: bool = False
    done: int = 0
    added: int = 0
    videos: int = 0
    poor: int = 0
    historic: int = 0
    unreadable: int = 0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("enrol")(enrol)
    app.command("fingerprint")(fingerprint)


def enrol(
    ctx: typer.Context,
    paths: Paths,
    case: CaseId = "",
    case_from_folder: Annotated[
        bool,
        typer.Option("--case-from-folder", help="Each folder's name is the case id of its photos."),
    ] = False,
    local_features: LocalFeatures = None,
    crop: Crop = "",
    no_crop: NoCrop = False,
) -> None:
    """Watch for photos and videos.

    Their fingerprints are kept, never the photos or their names.
    """
    if case and case_from_folder:
        raise Misuse("--case or --case-from-folder: give one of the two, not both")
    if not case and not case_from_folder:
        raise Misuse("say which case: --case ID, or --case-from-folder")
    with opened(ctx) as home:
        tally = Tally(anew=bool(crop) or no_crop, agrees=local_features is True)
        photos = list(photos_in(paths))
        if not photos:
            raise Misuse("no photo there: " + ", ".join(str(path) for path in paths))
        choose = _crop_choice(crop, no_crop=no_crop, photos=len(photos))
        case_ids = _case_of_each(paths) if case_from_folder else [case] * len(photos)
        for case_id in case_ids:
            enrolment.check_case_id(case_id)
        agreed = {one: _agreed(home, one, local_features) for one in dict.fromkeys(case_ids)}
        sealing = sealer(home.settings, create=True)
        sought: list[Sought] = []
        with (
            open_decoder(home.settings) as decode,
            open_videos(home.settings, enrols=True) as videos,
            progress("fingerprinting", len(photos)) as bar,
        ):
            make = partial(_fingerprint, decode=decode, watch=videos.enrolled, sealing=sealing)
            for photo, case_id in zip(photos, case_ids, strict=True):
                one = partial(make, choose=partial(choose, bar), features=agreed[case_id])
                sought += _enrol_one(home, photo, case_id, tally, one)
                if len(sought) == _SOUGHT_AT_ONCE:
                    tally.historic += _look_back(home, sealing, sought)
                bar.advance(bar.task_ids[0])
            tally.historic += _look_back(home, sealing, sought)
        keep_up(home.store, home.settings.state_folder)
        delivered = deliver(home) if tally.historic else None
        _tell(tally, has_features=any(agreed.values()))
        if delivered is not None and (code := delivered.tell()):
            raise typer.Exit(code)
    if tally.unreadable:
        raise typer.Exit(1)


def fingerprint(
    photos: Paths,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    crop: Crop = "",
    no_crop: NoCrop = False,
    named: Annotated[
        str,
        typer.Option("--format", help="haechi; or vpdq, of one video, which partners exchange."),
    ] = "haechi",
    every: Annotated[
        float | None,
        typer.Option(
            help="Of vpdq: seconds from one frame to the next; 0 is every frame "
            f"[default: {DEFAULT_EVERY_S:g}]."
        ),
    ] = None,
) -> None:
    """Make a file of fingerprints of photos and videos.

    It is made on this device; nothing but that file needs to leave it.
    """
    found = list(photos_in(photos))
    if named == "vpdq":
        if crop or no_crop:
            raise Misuse("--crop and --no-crop are for photos")
        write_vpdq(found, output, DEFAULT_EVERY_S if every is None else every, _OWN)
        return
    if named != "haechi":
        raise Misuse(f"--format {named!r}: haechi or vpdq")
    if every is not None:
        raise Misuse("--every is for --format vpdq")
    made: list[Fingerprint] = []
    failed = False
    choose = _crop_choice(crop, no_crop=no_crop, photos=len(found))
    with (
        Decoder(PictureLimits(), _OWN) as decode,
        VideoDecoder(VideoLimits(still_area=MAX_AREA), _OWN) as videos,
        progress("fingerprinting", len(found)) as bar,
    ):
        for photo in found:
            make = partial(_fingerprint, decode=decode, watch=videos.enrolled)
            one = make(photo, "", choose=partial(choose, bar))
            failed |= one is None
            if one is not None:
                made.append(one[0])
            bar.advance(bar.task_ids[0])
    if not made:
        raise Misuse(
            "no fingerprint was made: none of the files is a photo or video that can be read"
        )
    save(FORMATS["haechi"].write(made, Kind.PDQ, utc_now()), output)
    say(f"{count(len(made), 'fingerprint')} in {output}; no picture and no file name is in it")
    if failed:
        raise typer.Exit(1)


def photos_in(paths: list[Path]) -> Iterator[Path]:
    """List the files that are meant: files as given, folders with all that is in them."""
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.is_file())
        else:
            yield path


def _case_of_each(paths: list[Path]) -> list[str]:
    """Name the case of each photo by its folder: one of case folders, or a case folder itself.

    Raises:
        Misuse: A file lies beside case folders, or is given by itself.
    """
    ids: list[str] = []
    for path in paths:
        whole = path.resolve()
        is_case = whole.is_dir() and not any(one.is_dir() for one in whole.iterdir())
        for photo in photos_in([whole]):
            inner = photo.relative_to(whole).parts
            if not is_case and len(inner) < 2:
                raise Misuse(f"{photo}: not in a case's folder; nothing was enrolled")
            ids.append(whole.name if is_case else inner[0])
    return ids


def _crop_choice(crop: str, *, no_crop: bool, photos: int) -> _CropChoiceUnderBar:
    """Say how the photo in a picture is found: as told, not at all, or by its straight edges.

    Raises:
        Misuse: The options contradict each other.
    """
    if no_crop:
        if crop:
            raise Misuse("give --crop or --no-crop, not both")
        return lambda _bar, _path, _picture: None
    if not crop:
        return _found_photo
    if photos != 1:
        raise Misuse("--crop is for one photo at a time")
    try:
        x, y, width, height = (float(part) for part in crop.split(","))
    except ValueError as error:
        raise Misuse(f"--crop {crop!r}: give x,y,w,h, such as 0,0.15,1,0.5") from error

    def as_told(_bar: Progress, _path: Path, picture: Picture) -> Region:
        across, down = picture.width, picture.height
        if max(x, y, width, height) <= 1:
            across = down = 1
        region = (x / across, y / down, width / across, height / down)
        inside = min(region) >= 0 and region[0] + region[2] <= 1 and region[1] + region[3] <= 1
        if not inside or not region[2] or not region[3]:
            raise Misuse(
                f"--crop {crop!r} is not within the picture of {picture.width} x {picture.height}"
            )
        return region

    return as_told


def _found_photo(bar: Progress, path: Path, picture: Picture) -> Region | None:
    """Find the photo in a screenshot or a frame; a person at the terminal sees and confirms it."""
    region = enrolment.find_photo(picture)
    if region is None:
        return None
    words = ",".join(f"{share:.3f}" for share in region)
    if _at_terminal():
        # The bar draws itself anew ten times a second, and would draw over the question.
        bar.stop()
        is_photo = preview.confirm(enrolment.cut(picture, region).rgb, path.name)
        bar.start()
        return region if is_photo else None
    complain(
        f"{path}: taken for a screenshot or a framed photo: what is at {words} was enrolled too; "
        "if that is not the photo: --crop x,y,w,h or --no-crop"
    )
    return region


def _at_terminal() -> bool:
    """Tell whether a person is there to look and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _agreed(home: Home, case_id: str, wanted: bool | None) -> bool:
    """Tell whether a case's photos are to have local features.

    Said aloud, the owner's decision is recorded.
    """
    now = utc_now()
    with home.store.read() as db:
        had = cases.has_consent(db, case_id)
    if wanted is False and had:
        with home.store.write() as db:
            gone = cases.revoke_consent(db, case_id, actor=actor(), now=now)
        home.store.scrub()
        say(f"case {case_id}: local features of {count(gone, 'photo')} deleted")
    return had if wanted is None else wanted


def _fingerprint(
    photo: Path,
    case_id: str,
    *,
    decode: Decoder,
    watch: Callable[[Stream], Watched],
    choose: CropChoice,
    sealing: Sealer | None = None,
    features: bool = False,
) -> tuple[Fingerprint, Picture | None] | None:
    """Make one fingerprint, and give the photo it is of, without what that was cut out of.

    A file that is no photo and no video is one line, and the others go on.
    """
    try:
        media = open_local(photo, decode, watch)
        if isinstance(media, Film):
            sha256, now = media.file.sha256, utc_now()
            made = enrolment.clip_fingerprint(
                media.seen, sha256, case_id, now, sealer=sealing, features=features
            )
            return made, None
        picture = as_shown(media)
        crop = choose(photo, picture)
        one = enrolment.fingerprint(
            picture, case_id, utc_now(), crop=crop, sealer=sealing, features=features
        )
        return one, picture if crop is None else enrolment.cut(picture, crop)
    except MediaError as error:
        complain(f"{photo}: {error.reason}")
        return None


def _enrol_one(
    home: Home,
    photo: Path,
    case_id: str,
    tally: Tally,
    make: Callable[[Path, str], tuple[Fingerprint, Picture | None] | None],
) -> list[Sought]:
    """Enrol one photo and count what became of it; gives what to look for in what was seen."""
    made = make(photo, case_id)
    if made is None:
        tally.unreadable += 1
        return []
    one, shown = made
    tally.done += 1
    added = _store(home, case_id, [one], anew=tally.anew, agrees=tally.agrees)
    tally.added += added
    tally.videos += added if one.frames is not None else 0
    tally.poor += not enrolment.has_texture(one)
    # In what was crawled before, a video is looked for by `haechi hunt` alone.
    if one.windows is None or shown is None:
        return []
    return [Sought(cases.content_key(one), luma(shown.rgb, POST_AREA))]


def _look_back(home: Home, sealing: Sealer | None, sought: list[Sought]) -> int:
    """Look for photos in what crawls saw lately, while there are pixels to look for."""
    found = look_back(home.store, home.settings, sealing, sought) if sealing and sought else 0
    sought.clear()
    return found


def _store(
    home: Home,
    case_id: str,
    fingerprints: list[Fingerprint],
    *,
    anew: bool = False,
    agrees: bool = False,
) -> int:
    """Write fingerprints; says how many were new."""
    now = utc_now()
    try:
        with home.store.write() as db:
            if not agrees and not cases.has_consent(db, case_id):
                # It may have been taken back since this command began.
                fingerprints = [replace(one, features=None) for one in fingerprints]
            added = cases.enrol(db, case_id, fingerprints, actor=actor(), now=now, anew=anew)
            if agrees and any(one.features is not None for one in fingerprints):
                cases.give_consent(db, case_id, actor=actor(), now=now)
    except ValueError as error:
        raise Misuse(str(error)) from error
    return added


def _tell(tally: Tally, *, has_features: bool) -> None:
    """Say what became of the photos."""
    already = tally.done - tally.added
    known = f", {already} {'enrolled anew' if tally.anew else 'were already'}" if already else ""
    photos = tally.added - tally.videos
    kinds = [count(photos, "photo")] if photos or not tally.videos else []
    kinds += [count(tally.videos, "video")] if tally.videos else []
    say(f"enrolled {' and '.join(kinds)}{known}")
    if has_features:
        say("local features are kept, encrypted, beside the hashes: what was altered most is found")
    if tally.poor:
        say(
            f"too little texture to be found by their look: {count(tally.poor, 'photo')}; "
            "only exact copies of the file will be found"
        )
    if tally.historic:
        say(f"{count(tally.historic, 'new finding')} in what was crawled lately: haechi findings")
    if tally.added:
        say(_HUNT)
