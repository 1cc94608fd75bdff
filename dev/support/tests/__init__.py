"""Tests of what the programs in dev/ compute: python3 -m unittest discover -s dev/support/tests -t dev/support"""
