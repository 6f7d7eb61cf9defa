"""Personal offers: from a shop's raw tables to decline risk, worth and segment per customer."""

__version__ = "0.1.0"
