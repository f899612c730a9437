"""What fetches: forum engines, the Telegram preview, the walks over them, their spiders."""
