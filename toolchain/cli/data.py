# SPDX-License-Identifier: Apache-2.0
"""`subbyte data get|synth|info`: where speech comes from, and what is in a corpus."""

import sys
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from toolchain.cli.progress import progress_bar
from toolchain.data.inspect import CorpusInfo, inspect_corpus
from toolchain.data.layout import KEYWORDS, Partition
from toolchain.data.official import ARCHIVES, Archive, get_corpus
from toolchain.data.synth import SynthSpec, synthesise_corpus
from toolchain.errors import DataError
from toolchain.progress import Progress
from toolchain.report.console import print_json, print_table
from toolchain.report.table import Column, Row, Table, Tone

HELP = """Get, synthesise or inspect a speech corpus.

A corpus is a folder in Speech Commands layout, <word>/<speaker>_nohash_<n>.<ext> and _background_noise_/, with WAV,
FLAC or Ogg (Vorbis, Opus) files.

Examples:

\b
  subbyte data get --version 0.01 -o corpora/speech_commands_v0.01
  subbyte data synth -o corpora/synth
  subbyte data info corpora/synth
"""

GET_HELP = """Download the official Speech Commands archive, check it and unpack it into a new folder.

A download that broke off goes on where it was when the same command is repeated.

Examples:

\b
  subbyte data get --version 0.01 -o corpora/speech_commands_v0.01
  subbyte data get --version 0.02 -o corpora/v2 --keep-archive
  subbyte data get --url http://mirror.local/mine.tar.gz --sha256 9f86d0...0a08 -o corpora/mine
"""

SYNTH_HELP = """Make a synthetic corpus with espeak-ng: ten keywords, twenty other words, many voices, background noise.

The same options give the same samples (with the same espeak-ng); on a finished folder the command does nothing.

Examples:

\b
  subbyte data synth -o corpora/synth
  subbyte data synth -o corpora/large --clips-per-word 1000 --seed 7
  subbyte data synth -o corpora/lamp --words on,off,dim,bright
"""

INFO_HELP = """Report what is in a corpus: words, partitions, formats, lengths, bad files, copies, noise.

Every file is decoded. Exit code 2 where one is bad.

Examples:

\b
  subbyte data info corpora/synth
  subbyte data info corpora/speech_commands_v0.01 --json
"""

app = typer.Typer(add_completion=False, no_args_is_help=True, help=HELP)

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to make; must not hold anything else.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="Folder that keeps the decoded corpus (default: $XDG_CACHE_HOME/subbyte or ~/.cache/subbyte)."),
]


@app.command(help=GET_HELP)
def get(
    output: Output,
    version: Annotated[str, typer.Option(help=f"One of {', '.join(ARCHIVES)}.")] = "0.01",
    url: Annotated[str | None, typer.Option(help="Another address of the archive: a mirror, or your own.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Checksum to expect instead of the official one.")] = None,
    keep_archive: Annotated[bool, typer.Option(help="Leave the .tar.gz beside the folder.")] = False,
) -> None:
    """See GET_HELP."""
    if version not in ARCHIVES:
        raise DataError(f"version {version!r} is not one of {', '.join(ARCHIVES)}")
    archive = _archive(version, url, sha256)

    def shown(label: str) -> AbstractContextManager[Progress]:
        return progress_bar(label, as_bytes=True)

    listing = get_corpus(archive, output, keep_archive=keep_archive, shown=shown)
    print(f"{output}: {len(listing.clips):,} clips of {len(listing.words)} words", file=sys.stderr)


@app.command(help=SYNTH_HELP)
def synth(
    output: Output,
    clips_per_word: Annotated[
        int, typer.Option(help="Clips of each keyword; other words get a fifth.")
    ] = SynthSpec.clips_per_word,
    seed: Annotated[int, typer.Option(help="Which voices, words and places are drawn.")] = SynthSpec.seed,
    words: Annotated[str | None, typer.Option(help="Words to speak instead, separated by commas.")] = None,
    noise_seconds: Annotated[int, typer.Option(help="Length of each background noise.")] = SynthSpec.noise_seconds,
) -> None:
    """See SYNTH_HELP."""
    spec = SynthSpec(clips_per_word=clips_per_word, noise_seconds=noise_seconds, seed=seed)
    if words is not None:
        spec = replace(spec, words=tuple(word.strip() for word in words.split(",")), other_words=())
    with progress_bar("speaking") as progress:
        listing = synthesise_corpus(output, spec, progress=progress)
    print(f"{output}: {len(listing.clips):,} clips of {len(listing.words)} words", file=sys.stderr)


@app.command(help=INFO_HELP)
def info(folder: Annotated[Path, typer.Argument()], as_json: AsJson = False, cache: Cache = None) -> None:
    """See INFO_HELP."""
    with progress_bar("decoding") as progress:
        found = inspect_corpus(folder, cache=cache, progress=progress)
    if as_json:
        print_json(_plain(found))
    else:
        print_table(_table(found))
    for warning in _warnings(found):
        print(f"warning: {warning}", file=sys.stderr)
    if found.bad:
        others = f" ({len(found.bad)} bad files in all)" if len(found.bad) > 1 else ""
        raise DataError(found.bad[0].reason + others)


def _archive(version: str, url: str | None, sha256: str | None) -> Archive:
    official = ARCHIVES[version]
    digest = (sha256 or official.sha256).lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise DataError(f"--sha256 {sha256}: 64 hexadecimal digits are needed")
    return Archive(url or official.url, digest)


def _warnings(found: CorpusInfo) -> list[str]:
    warnings = []
    for groups, where, why in (
        (found.copies_across_partitions, "partitions", "what is tested was trained on"),
        (found.copies_across_words, "words", "one of them is labelled wrongly"),
    ):
        if groups:
            shown = " = ".join(file.path for file in groups[0])
            warnings.append(
                f"{len(groups)} groups of clips stand byte for byte in several {where}, so {why}; first: {shown}"
            )
    if not found.noise:
        warnings.append("no _background_noise_: training will not be augmented with noise")
    missing = [word for word in KEYWORDS if word not in {count.word for count in found.words}]
    if missing:
        warnings.append(f"of the ten official keywords these are absent: {', '.join(missing)}")
    return warnings


def _plain(found: CorpusInfo) -> dict[str, object]:
    return {
        "folder": str(found.folder),
        "sha256": found.sha256,
        "clips": found.n_clips,
        "bytes": found.n_bytes,
        "words": {
            count.word: {"class": count.label, **{part: getattr(count, part) for part in Partition}}
            for count in found.words
        },
        "partitions": _totals(found),
        "speakers": found.speakers,
        "rates_hz": found.rates_hz,
        "formats": found.formats,
        "channels": found.channels,
        "shortest": asdict(found.shortest) if found.shortest else None,
        "longest": asdict(found.longest) if found.longest else None,
        **asdict(found.changes),
        "noise": [asdict(one) for one in found.noise],
        "noise_minutes": found.noise_minutes,
        "ignored": found.n_ignored,
        "bad": [{"path": one.file.path, "reason": one.reason} for one in found.bad],
        "copies": [[file.path for file in group] for group in found.copies],
        "copies_across_partitions": [[file.path for file in group] for group in found.copies_across_partitions],
        "copies_across_words": [[file.path for file in group] for group in found.copies_across_words],
    }


def _totals(found: CorpusInfo) -> dict[str, int]:
    return {part: sum(getattr(count, part) for count in found.words) for part in Partition}


def _table(found: CorpusInfo) -> Table:
    columns = (Column("word", text=True), Column("class", text=True), *(Column(part) for part in Partition))
    rows = [
        Row((count.word, count.label, count.train, count.validation, count.test, count.total)) for count in found.words
    ]
    totals = _totals(found)
    rows.append(Row((f"{len(found.words)} words", "", *totals.values(), found.n_clips), Tone.TOTAL))
    rows.append(Row(("speakers", "", *found.speakers.values(), None), Tone.TOTAL))
    changes = found.changes
    notes = [
        f"Formats: {_listed(found.formats)}. Rates: {_listed(found.rates_hz, ' Hz')}. "
        f"Channels: {_listed(found.channels)}. {found.n_bytes / 1e6:,.1f} MB.",
        f"On the way in: {changes.padded:,} padded with zeros, {changes.cut:,} cut to one second, "
        f"{changes.resampled:,} resampled, {changes.mixed_down:,} mixed down; {found.n_ignored:,} other files ignored.",
    ]
    if found.shortest and found.longest:
        notes.append(
            f"Shortest: {found.shortest.seconds:.3f} s, {found.shortest.path}. "
            f"Longest: {found.longest.seconds:.3f} s, {found.longest.path}."
        )
    names = ", ".join(one.path.rsplit("/", 1)[-1].rsplit(".", 1)[0] for one in found.noise)
    notes.append(f"Background noise: {found.noise_minutes:.1f} minutes{': ' if names else ''}{names}.")
    notes.append(f"Copies: {len(found.copies):,} groups of clips with the same bytes. Bad files: {len(found.bad):,}.")
    notes += [f"  {one.reason}" for one in found.bad]
    notes.append(f"SHA-256 of the listing: {found.sha256 or 'not while files are bad'}")
    return Table(str(found.folder), (*columns, Column("total")), tuple(rows), tuple(notes))


def _listed(counts: dict[int, int] | dict[str, int], unit: str = "") -> str:
    return ", ".join(f"{value}{unit} ({n:,})" for value, n in counts.items())
