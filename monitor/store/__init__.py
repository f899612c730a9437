"""The state of everything, by SQLAlchemy: the truth that index and mails are made from."""
