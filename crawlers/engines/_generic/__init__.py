"""How a forum is read whose software nobody knows: by what all forums' pages have in common."""
