"""Scoring on ICDAR2015 by the competition's protocol, with reports: ``python -m eval``."""
