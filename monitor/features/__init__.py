"""Local features: finds a photo inside another picture, cropped, framed, turned or covered."""
