"""Which cell, number or picture of units 08 and 09 a figure shows.

Tables like those of figures_of_lessons.py, which explains their columns.
"""

_FILTERS = ("gradient", "gaussian_filter_spectral", "eddy_forcing", "ForcingCNN")
_BLURRED = ("eddies, other = samples.load", "kept = float(")
_FORCED = (
    "forcing = eddy_forcing",
    "COARSE = 4 * DX",
    "def smagorinsky",
    "def correlation",
    "def closure",
    "def turn",
    "def train(",
    "plain = ForcingCNN()",
    'ladder["network"] =',
)  # a training of seconds

REDRAWN = {
    "blurred": ("08", _FILTERS, _BLURRED),
    "forcing": ("08", _FILTERS, _BLURRED + _FORCED),
    "inverse": ("08", _FILTERS,
                _BLURRED + _FORCED + ("def deconvolution", "levels, hold =")),
}  # fmt: skip

TAKEN = {
    "patch_edge": ("08", "Error of the published network against distance"),
    "net_of_tracks": ("09", "A map full of eddies, one track of it"),
    "covariance": ("09", "Covariance against distance: the measured one"),
    "resolution": ("09", "Spectra of truth and errors"),
}

CURVES = {
    "elsewhere": ("08", (4, 8, 40), "snapshots in training",
        "correlation in another regime (1)",
        "Correlation in another regime against data: turned batches gain most of what "
        "a plain network lacks with little data; the invariant one leads throughout.",
        {label: [f"^{n:>2} snapshots#{place}" for n in (4, 8, 40)]
         for label, place in (("plain network", 1), ("plain, turned batches", 3),
                              ("invariant network", 5))}),
}  # fmt: skip

BARS = {
    "closures": ("08", "correlation with the true forcing (1)",
        "Correlations: Smagorinsky near zero, a linear regression low, the gradient "
        "model far above both.",
        [("Smagorinsky", "correlation on unseen times", 0),
         ("linear, 5 × 5 points", "'linear, 5 × 5'", 0),
         ("gradient model", "'gradient model'", 0)]),
    "control": ("08", "share of the first layer's maps that ψ alone explains (1)",
        "Shares of ψ in the first layer: lower in three trained networks, higher in "
        "five untrained ones.",
        [(f"*trained {i}", f"^trained {i}    psi", 0) for i in (1, 2, 3)]
        + [(f"untrained {i}", f"^untrained {i}  psi", 0) for i in range(1, 6)]),
    "height": ("09", "explained variance of sea level on unseen seas (1)",
        "Explained variance: linear lowest, Gaussian interpolation far above; the "
        "measured covariance, the blends and the network higher and nearly level.",
        [("linear", "^linear            explained", 0),
         ("Gaussian covariance", "^Gaussian OI       explained", 0),
         ("measured covariance", "^measured OI       explained", 0),
         ("blended, not moved", "^blend, not moved", 0),
         ("dynamical", "^dynamical", 0),
         ("*network", "^network           explained", 0)]),
    "below": ("09", "explained variance of the lower layer (1)",
        "Explained variance below: the network above the linear filter, both from the "
        "complete surface and, lower, from a map of tracks.",
        [("linear filter, mapped tracks", "linear filter, on the network map", 0),
         ("*network, mapped tracks", "surface, network, on the network map", 0),
         ("linear filter, whole surface", "surface, linear filter   ", 0),
         ("*network, whole surface", "surface, network   ", 0)]),
    "real_sea": ("09", "explained variance in the Mediterranean (1)",
        "Explained variance on a real sea: two interpolations and two networks, nearly "
        "level; the network lies a little below the interpolation tuned on the spot.",
        [("interpolation tuned here", "^optimal, tuned here", 0),
         ("*network upon it", "^network on OI tuned here", 0),
         ("interpolation tuned in simulation", "^optimal, tuned in the simulation", 0),
         ("*network upon that", "^network, all from the simulation", 0)]),
}  # fmt: skip
DIGITS = {"closures": ".2f", "height": ".3f", "real_sea": ".3f"}
