# SPDX-License-Identifier: Apache-2.0
"""Front end: sound in, int8 frames of time and frequency out, the same bits in training and on the board.

One computation, written three times: `numpy_frontend` says what is right; firmware_templates/frontend/ is the C that
runs on the device and, compiled for the host by `Frontend`, makes the training features, equal to the definition bit
for bit; `float_reference` is float64 and only a cross-check. FeatureSpec says what is computed, Normalisation how the
raw int16 features become the network's int8. Audio comes from data/, the sources for a firmware go out by
export/frontend_c.py.

Fixed point against float64 on 300 clips of Speech Commands v0.01 (validation and test words, seed 1), every frame;
errors in the log unit (ln or dB), in the last two columns in steps of the int8 input:

    spec            raw step   max error   rms error   int8 max   int8 rms   int8 that differ (never by more than 1)
    hello_edge-10    0.0039      0.0064      0.0011      0.12       0.026      2.4 %
    hello_edge-40    0.0039      0.0064      0.0011      0.62       0.084      7.9 %
    peter2020-10     0.031       0.14        0.010       0.30       0.014      1.4 %
    peter2020-40     0.031       0.17        0.0098      0.57       0.033      3.2 %
    log_mel-40       0.00098     0.077       0.00054     0.68       0.0043     0.27 %
    bc_resnet-40     0.00098     0.097       0.00060     0.86       0.0048     0.27 %

The rms error is that of rounding to the raw step (0.29 of it) but for log-mel; the largest come from bands that hold
nothing but the rounding of 16-bit samples beside something loud, where the window's own 16 bits show. A frame's
shift (block floating point) keeps the same precision for speech of any loudness.

Peter et al.: our departures (named.py) move the ten coefficients by 0.19 standard deviations rms on these clips: the
FFT of 1024 instead of 640 alone 0.06, the fixed floor instead of top_db 0.17.

Cost, gcc 12.2: flash and RAM of all frontend objects for Cortex-M4 at -O2 (arm-none-eabi-size); instructions a frame,
counted in QEMU 7.2 (mps2-an386, -icount); CPU time a clip on a 2-core x86-64 host at -O3, and wall time of 25,000
real clips there, measured while four other jobs ran on the same two cores:

    spec             flash      RAM       instructions a frame   a clip    25,000 clips, busy machine
    hello_edge-10    5,342 B    4,276 B    96,700                0.27 ms   10.3 s
    peter2020-10     6,294 B    4,628 B   106,500                0.30 ms   10.0 s
    peter2020-40     6,470 B    4,688 B   131,400                0.39 ms   12.5 s
    log_mel-40       5,030 B    4,336 B    92,800                0.24 ms    5.7 s

RAM is one frame (4 bytes a point of the FFT, in place), 4 bytes a band, 2 a feature; a stream adds its ring of
samples (1,288 B with a 40 ms window and 20 ms hops).
"""

from toolchain.frontend.binding import Frontend
from toolchain.frontend.named import NAMED, bc_resnet, hello_edge, log_mel, named_spec, peter2020
from toolchain.frontend.normalisation import Normalisation
from toolchain.frontend.spec import FeatureSpec, Kind, LogUnit, Padding, Slope, Spectrum

__all__ = [
    "NAMED",
    "FeatureSpec",
    "Frontend",
    "Kind",
    "LogUnit",
    "Normalisation",
    "Padding",
    "Slope",
    "Spectrum",
    "bc_resnet",
    "hello_edge",
    "log_mel",
    "named_spec",
    "peter2020",
]
