"""Weights: the bundled ones, the imported ones, and the record kept of each."""

from .registry import Record, default_name, import_weights, manifest, resolve, user_folder, verify

__all__ = ["Record", "default_name", "import_weights", "manifest", "resolve", "user_folder", "verify"]
