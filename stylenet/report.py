"""Show what a sweep found: a page and a picture of all its runs on the same photos."""

from __future__ import annotations

import sys

from stylenet.commands.report import parser
from stylenet.system.errors import interrupted
from stylenet.system.loading import say_loading

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    parser().parse_args()  # shows help, and mistakes, at once
    say_loading()

import shlex
from collections.abc import Sequence
from pathlib import Path

from stylenet.pictures.images import Picture, write_atomically, write_picture
from stylenet.pictures.outputs import refuse_overwriting
from stylenet.reports.measure import examine, find_photos
from stylenet.reports.page import render
from stylenet.reports.sheet import contact_sheet
from stylenet.reports.sweep import read_sweep, swept
from stylenet.system.errors import exit_on_user_error, shown
from stylenet.system.program import program, say_next
from stylenet.system.threads import share_cpus


def report(sweep: Path, photos: Sequence[Path], lbfgs: bool = False) -> None:
    """Write ``report.html`` and ``report.png`` into the folder `sweep`.

    Args:
        photos: files, and folders to choose from; if empty, the held-out samples.
        lbfgs: whether to find the iteration of pixel optimisation that each run equals.

    Raises:
        UserError: `sweep` is no sweep or has no finished run, a photo or a style picture cannot
            be read, or the files cannot be written.
    """
    share_cpus()
    page, picture = sweep / "report.html", sweep / "report.png"
    refuse_overwriting([page, picture], photos)
    runs = read_sweep(sweep)
    findings = examine(shown(sweep), runs, swept(runs), find_photos(photos), lbfgs)
    html = render(findings).encode(errors="backslashreplace")
    write_atomically(page, lambda file: file.write(html))
    write_picture(Picture(contact_sheet(findings)), picture)
    print(f"{len(findings.results)} of {len(runs)} runs:")
    print(f"{page} ({len(html) / 1e6:.1f} MB)\n{picture}")
    run = f"{shlex.quote(shown(sweep))}/NUMBER"
    say_next(f"{program()} stylize PHOTO_OR_FOLDER --model {run} -o stylized/")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0, or 130 if interrupted; user errors exit with 2.
    """
    options = parser().parse_args(argv)
    with exit_on_user_error():
        try:
            report(options.sweep, options.photos, options.lbfgs)
        except KeyboardInterrupt:
            print("interrupted; nothing is written", file=sys.stderr)
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
