"""Search over posts and findings, behind one Protocol."""
