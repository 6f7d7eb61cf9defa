"""Personal offers: from a shop's raw tables to who should get which offer, and why."""

__version__ = "0.1.0"
