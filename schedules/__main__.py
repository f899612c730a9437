"""`python -m schedules`: the daemon, without the command line around it."""

from __future__ import annotations

import os

from monitor import logs
from monitor.settings import find_home, load
from monitor.store.store import Store
from schedules.daemon import Daemon


def main() -> None:
    """Run the daemon on HAECHI_HOME or the current folder."""
    os.umask(0o077)
    settings = load(find_home(None))
    logs.configure(settings.home, to_stderr=True)
    store = Store(settings.store_url)
    store.check()
    Daemon(store, settings).run()


if __name__ == "__main__":
    main()
