"""When things run: the table of jobs, the daemon, one subprocess a crawl."""
