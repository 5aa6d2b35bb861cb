"""Blocks that a lesson uses but does not ask for; never an exercise's answer."""
