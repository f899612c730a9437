"""Who is watched for: the bank of fingerprints and the matching against it."""
