# SPDX-License-Identifier: Apache-2.0
"""Speech: corpora in the Speech Commands layout, their splits, augmentation, download and synthesis.

layout     names of words, classes, folders; which speaker belongs to which partition
audio      one file -> int16 samples at 16 kHz
listing    a folder -> the files in it
decoding   all of them, in threads      store  the decoded corpus as one file in the cache
corpus     Split and Corpus: what training and evaluation take
augment    time shift and background noise, a pure function of (seed, epoch, index)
inspect    what `subbyte data info` reports
download, unpack, official              `subbyte data get`
espeak, voices, noise, synth            `subbyte data synth`
"""
