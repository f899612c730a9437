"""What happens to a fetched post: plain steps, shared by every way of fetching."""
