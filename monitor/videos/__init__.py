"""What becomes of a video in the process that opens it: hashes of its frames, and some stills."""
