"""Targeting: who an ad may be shown to. Conditions, their parser and evaluator, and the index over them."""
