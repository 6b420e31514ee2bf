"""Detections, one file each: metadata, the check, examples and triage text. Pure.

To add one, add a file with a `RULE`; `every()` finds it and the suite tests its examples.
"""

from grantline.rules.rule import Rule, every

__all__ = ["Rule", "every"]
