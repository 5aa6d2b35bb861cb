"""Where samples come from: one noun a file; no learning here."""


class UnstableStep(ValueError):
    """A time step for which an integration leaves all bounds."""
