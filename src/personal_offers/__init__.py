"""Personal offers: from a shop's raw tables to decline risk, worth and segment per customer."""

import warnings

# Nodes have previews (Kedro calls them experimental), and no run should begin with that news.
warnings.filterwarnings("ignore", "The 'preview_fn' feature is experimental")

__version__ = "0.1.0"
