"""Figures of speed and memory, printed and never asserted."""
