"""Which lesson each figure comes from, and what of it: units 00 to 07.

Tables only; figures.py draws them, with those of figures_at_sea.py.
"""

# Lesson cells run again: unit, definitions that they need, and a phrase from each cell;
# the last one ends with the figure.
REDRAWN = {
    "slope": ("00", (), ("slope to the east",)),
    "learning_rates": ("00", ("x_line", "y_line"), ("def descend",)),
    "kernels": ("00", ("conv2d",), ('"Laplacian": torch',)),
    "receptive_field": ("00", (), ("def receptive_field",)),
    "anomalies": ("01", (), ("anomaly on three dates",)),
    "pca_digits": ("01", ("fit_pca", "reconstruct_pca", "explained_variance"),
                   ("digits = mnist.load", "PCA(4) explains",
                    "reconstructions from 1")),
    "eofs": ("01", ("fit_pca", "ocean", "anomaly"), ("first three EOFs",)),
    "checkerboard": ("02", (), ("def footprint",)),
    "tracks": ("03", (), ("known on slanting tracks",)),
    "scales": ("04", (), ("averaged over {block}",)),
    "gradients": ("04", ("gradient_norms", "ResidualBlock"),
                  ("def deep(", "Gradient norm in each")),
    "gauge": ("05", (), ("def fading", "def gauge", "Twelve days of sea level")),
    "unfolded": ("05", (), ("plots.recurrence",)),
    "sensitivity": ("05", ("gradient_through_time",),
                    ("Gradient norms against steps",)),
    "twins": ("06", (), ("Two runs a thousandth apart",)),
    "drifter": ("07", (), ("A drifter's path",)),
    "order": ("07", ("euler_step", "rk4_step", "LMResBlock"),
              ("def coriolis", "three straight lines")),
}  # fmt: skip

# Pictures of the executed solutions: unit, and how their alternative text begins.
TAKEN = {
    "overfitting": ("00", "Training and validation loss against optimisation steps; "
                    "the dashed line is logistic regression, all digits"),
    "nonsense": ("00", "Ten pieces of sea level maps"),
    "axes": ("01", "Cosines of latent axes and EOFs"),
    "dense_digits": ("01", "Ten test digits, blurred by PCA"),
    "inventions": ("02", "Ten invented images"),
    "storm": ("05", "Three days around the highest surge"),
    "wings": ("06", "The attractor of the truth"),
    "unobservable": ("07", "Components of Lorenz: with x observed"),
}  # fmt: skip

# Curves through printed numbers: unit, abscissas, labels of the axes, alternative text,
# and for each curve where its points stand, as in markers.after.
CURVES = {
    "surge": ("05", (1, 3, 6, 12, 24, 48), "lead time (hours)", "rms error (cm)",
        "Error against lead: harmonic analysis flat; regressions and the LSTM on the "
        "residual low at first, meeting it at 48 hours.",
        {row.strip(): [f"^{row}#{i}" for i in range(6)]
         for row in ("harmonic analysis", "tides + residual", "regression   ",
                     "expert regression", "LSTM on residual")}),
}  # fmt: skip

# Bars of printed numbers: unit, label of the axis, alternative text, and for each bar
# its name, the start of the printed line and the number's place in it. Networks (a star
# before the name) are blue, baselines grey.
BARS = {
    "remedies": ("00", "wrong among the test digits (%)",
        "Test errors after 100 digits: highest as it is, a little lower with dropout, "
        "lowest with shifted digits.",
        [("as it is", "^as it is", 0), ("*dropout", "^dropout   ", 0),
         ("*shifted digits", "^shifted digits", 0)]),
    "fine_tuning": ("00", "wrong among the new test digits (%)",
        "Errors with 100 labels of a new instrument: highest from scratch, about half "
        "for each way of fine-tuning.",
        [("from scratch", "^from scratch", 0),
         ("*last layer", "^old weights, last layer", 0),
         ("*two layers", "^old weights, two layers", 0),
         ("*all layers", "^old weights, all layers", 0)]),
    "splits": ("01", "rms error of 10 EOFs on maps left out (cm)",
        "Errors of ten EOFs: small on a random third of the maps, many times larger on "
        "the last third.",
        [("a third at random", "^a third at random", 5),
         ("the last third", "^the last third", 5)]),
    "ladder": ("02", "variance of the test digits explained by 4 numbers (%)",
        "PCA and the linear convolutional network level, the dense network far higher, "
        "the convolutional one highest.",
        [("PCA", "^PCA(4) explains", 0), ("*convolutional, linear", "^explains", 0),
         ("*dense", "^dense(4)", 1), ("*convolutional", "^convolutional(4)", 1)]),
    "denoising": ("03", "peak signal-to-noise ratio (dB)",
        "Decibels: noisy lowest, then wavelets, the bottleneck, total variation, and "
        "the network with skips highest.",
        [("noisy", "^noisy", 0), ("wavelets", "^wavelet (0.3)", 0),
         ("*bottleneck of 16", "^bottleneck of 16", 0),
         ("total variation", "^total variation (0.2)", 0), ("*skips", "^skips", 0)]),
    "sea_tracks": ("03", "rms error between the tracks (cm)",
        "Errors between the tracks: the network is lowest, a little below the best "
        "interpolation.",
        [("mean of the tracks", "mean of tracks", 0),
         ("linear", "^linear        rmse", 0),
         ("radial", "^radial        rmse", 0), ("*network", "^network       rmse", 0)]),
    "skips": ("04", "rms error on noisy maps of sea level (cm)",
        "Errors: noisy map and network without skips alike, Gaussian filter and UNet "
        "at half of it.",
        [("noisy", "^noisy    ", 0), ("*without skips", "^plain auto-encoder", 0),
         ("Gaussian filter", "^Gaussian filter", 1), ("*UNet", "^UNet     ", 0)]),
    "oscillation": ("05", "rms error one hour ahead (1)",
        "Errors: persistence and a regression on two values high; a regression on 24, "
        "the recurrent network and the Kalman filter low and nearly level.",
        [("persistence", "^persistence               rmse", 0),
         ("regression on 2 values", "^regression on 2 values", 0),
         ("*recurrent network", "^recurrent network", 0),
         ("regression on 24 values", "^regression on 24 values", 0),
         ("Kalman filter", "^Kalman filter", 0)]),
    "adding": ("05", "rms error of the sum (1)",
        "Errors on the adding problem: the plain network as bad as the mean, the "
        "others far below.",
        [("the mean", "^the mean", 0), ("linear regression", "^linear regression", 0),
         ("*plain", "^plain   ", 0), ("*plain, identity start", "^plain, identity", 0),
         ("*GRU", "^GRU   ", 0), ("*dilated CNN", "^dilated CNN", 0),
         ("*LSTM", "^LSTM    ", 0)]),
    "lorenz": ("06", "median valid time (Lyapunov times)",
        "Valid times: persistence and linear model near zero, analogs about two, the "
        "best networks three to four.",
        [("persistence", "^persistence   ", 3), ("linear, 8 states", "^linear (8)", 3),
         ("*GRU", "^GRU   ", 3), ("analogs", "^analogs   ", 3),
         ("*LSTM", "^LSTM   ", 3),
         ("*residual RK4", "^residual RK4", 3), ("*residual MLP", "^residual MLP", 3)]),
    "climate": ("06", "distance of the spectrum of z to the truth (true runs: 1)",
        "Distances of spectra: the clean network at one, LSTM and GRU above, networks "
        "of noisy data far above.",
        [("*residual MLP", "^residual MLP     histogram", 1),
         ("*LSTM", "^LSTM             histogram", 1),
         ("*GRU", "^GRU              histogram", 1),
         ("*noisy data, 16 steps", "^noisy, 16 steps", 1),
         ("*noisy data, 1 step", "^noisy, 1 step", 1)]),
    "schemes": ("07", "rms error after 8 steps (1), logarithmic",
        "Errors after eight steps over eight decades: persistence worst, analogs below "
        "the tanh network, the bilinear Runge–Kutta network lowest by far.",
        [("persistence", "^persistence   ", 2),
         ("true equations, Euler", "^true equations, Euler", 2),
         ("*bilinear network, Euler", "^bilinear network, Euler", 2),
         ("*tanh network, Runge–Kutta", "^tanh network, Runge–Kutta", 2),
         ("analogs", "^analogs   ", 2),
         ("*bilinear network, Runge–Kutta", "^bilinear network, Runge–Kutta", 2)]),
    "noise": ("07", "rms error after 8 steps, learnt from noisy data (1)",
        "Errors from noisy data: the bilinear network from pairs is worst, analogs are "
        "better, the network from windows has a third of their error.",
        [("*bilinear, from pairs", "^bilinear, from pairs", 2),
         ("50 analogs", "^50 analogs", 2), ("200 analogs", "^200 analogs", 2),
         ("400 analogs", "^400 analogs", 2),
         ("*bilinear, from windows", "^bilinear, from windows", 2)]),
    "assimilation": ("07", "mean squared error (1)",
        "Errors of the analysis: linear interpolation and spline high; the true model, "
        "the bilinear and the tanh network low and nearly level.",
        [("linear interpolation", "^linear interpolation", 0),
         ("smoothing spline", "^smoothing spline", 0),
         ("*4DVar, bilinear, noisy pairs", "^4DVar, bilinear, noisy pairs", 0),
         ("*4DVar, tanh", "^4DVar, tanh", 0),
         ("*4DVar, bilinear", "^4DVar, bilinear  ", 0),
         ("4DVar, true equations", "^4DVar, true equations", 0)]),
}  # fmt: skip
LOGARITHMIC = ("schemes", "climate")  # bars on a logarithmic axis
