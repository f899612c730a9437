"""Which pages of a source are read, and in which order: from a checkpoint on, over any fetcher."""
