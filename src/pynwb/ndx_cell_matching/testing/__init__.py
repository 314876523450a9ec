"""Helpers for the tests of software that reads or writes cell matches."""
