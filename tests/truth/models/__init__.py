"""Issuers as they behave: one file each."""
