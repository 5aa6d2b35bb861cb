"""Where samples come from: one noun per file, and no learning here."""
