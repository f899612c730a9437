"""A loopback world to crawl: a forum, a channel, pictures and a mail server, all made here."""
