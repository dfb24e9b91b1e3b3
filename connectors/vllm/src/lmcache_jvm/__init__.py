"""Connects an inference engine in Python to the cache server of LMCache for the JVM."""
