"""Simulate scans of a synchrotron with ewoksfluo, and fit and regrid them: `python write_ewoksfluo.py FOLDER`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from ewoksfluo.tasks.example_data import tasks as examples
from ewoksfluo.tasks.fit import tasks as fit
from ewoksfluo.tasks.regrid.regrid import RegridXrfResults
from ewoksfluo.tasks.regrid.regrid_stack import RegridXrfResultsStack

SHAPE = (9, 12)


def run(task: Any, **inputs: Any) -> dict[str, Any]:
    made = task(inputs=inputs)
    made.execute()
    return made.get_output_values()


def one_scan(folder: Path, detectors: int) -> None:
    raw, out = folder / f"raw{detectors}.h5", folder / f"scan{detectors}.h5"
    scan = run(
        examples.MeshSingleScanMultiDetector, output_filename=str(raw), shape=SHAPE, ndetectors=detectors, flux=1e6
    )
    uri, root = f"{raw}::/1.1", f"{out}::/1.1"
    fitted = run(
        fit.FitSingleScanMultiDetector,
        bliss_scan_uri=uri,
        detector_names=scan["detector_names"],
        output_root_uri=root,
        configs=scan["configs"],
        quantification=True,
    )
    shutil.copy(out, out.with_name(f"{out.stem}_points.h5"))
    results = fitted["xrf_results_uris"][0]
    run(RegridXrfResults, bliss_scan_uri=uri, output_root_uri=root, xrf_results_uri=results)


def stack(folder: Path) -> None:
    raw, out = folder / "raw_stack.h5", folder / "stack.h5"
    scan = run(examples.MeshStackSingleDetector, output_filename=str(raw), shape=SHAPE, nscans=3, flux=1e6)
    uris = [f"{raw}::/{number}.1" for number in range(1, 4)]
    root = f"{out}::/1.1"
    fitted = run(
        fit.FitStackSingleDetector,
        bliss_scan_uris=uris,
        detector_name="mca0",
        output_root_uri=root,
        config=scan["config"],
        quantification=True,
    )
    shutil.copy(out, out.with_name("stack_points.h5"))
    run(RegridXrfResultsStack, bliss_scan_uris=uris, output_root_uri=root, xrf_results_uri=fitted["xrf_results_uri"])


def main(folder: Path) -> None:
    one_scan(folder, 1)
    one_scan(folder, 2)
    stack(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
