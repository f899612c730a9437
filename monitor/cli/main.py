"""The process of the command `haechi`: every way it can end is one line and an exit code."""

from __future__ import annotations

import sys

# What a shell reports of a command that ended by Ctrl-C.
INTERRUPTED = 130


def main() -> None:
    """Run the command; Ctrl-C ends it without a word, also while it is still being loaded."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> int:
    """Run the command; returns the exit code where it is not raised."""
    import os
    import resource

    import structlog
    import typer

    from monitor.cli import misuse
    from monitor.cli.app import app
    from monitor.cli.output import complain
    from monitor.errors import HaechiError
    from monitor.logs import places_of

    # What is kept is personal data: its files are their owner's only.
    os.umask(0o077)
    # A photo that is being enrolled must not end up in a dump of this process's memory.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        return app(prog_name="haechi", standalone_mode=False) or 0
    except typer.TyperException as error:
        return misuse.tell(error)
    except HaechiError as error:
        complain(f"haechi: {error}")
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away; that is its right.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as bug:  # noqa: BLE001 - the last resort: one line, and where to look
        places = places_of(bug)
        structlog.get_logger(__name__).error("command.bug", error=type(bug).__name__, places=places)
        if isinstance(bug, OSError) and bug.strerror:
            # A full disk, a folder that may not be written: the machine's doing, not ours.
            where = f"{bug.filename}: " if bug.filename else ""
            complain(f"haechi: {where}{bug.strerror.lower()}")
        else:
            complain(f"haechi: an error in Haechi itself: {type(bug).__name__} at {places[-1]}")
        return 1
    return 0


if __name__ == "__main__":
    main()
