"""The library behind the Ocean Deep Learning Course.

Importing it is instant: each module imports what it needs itself.
"""

__version__ = "0.1.0"
