"""Simulate a scan of two detectors with PyXRF, and let it fit all pixels: `python write_pyxrf.py FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from distributed import Client
from pyxrf.model.command_tools import fit_pixel_data_and_save
from pyxrf.model.load_data_from_db import save_data_to_hdf5
from pyxrf.model.param_data import param_data
from pyxrf.simulation.sim_xrf_scan_data import create_xrf_map_data
from skbeam.core.fitting.xrf_model import ParamController

HEIGHT, WIDTH, ENERGY = 5, 8, 12.0
LINES = ("Ca_K", "Fe_K", "Cu_K")


def main(folder: Path) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    truth = {"Ca_K": 1000.0 + 200 * x, "Fe_K": 800.0 + 300 * y, "Cu_K": 500.0 + 100 * x * y}
    detectors: dict[str, np.ndarray] = {}
    for line, counts in truth.items():
        every, scalers, positions, metadata = create_xrf_map_data(
            scan_id=1234,
            element_line_groups={line: {"area": 1.0}},
            num_det_channels=2,
            nx=WIDTH,
            ny=HEIGHT,
            incident_energy=ENERGY,
        )
        for name, spectra in every.items():
            detectors[name] = detectors.get(name, 0) + counts[..., None] * spectra
    name = "scan2D_1234_sim.h5"
    save_data_to_hdf5(str(folder / name), {**detectors, **scalers, **positions}, metadata=metadata)
    parameters = ParamController(param_data, elemental_lines=list(LINES)).params
    (folder / "parameters.json").write_text(json.dumps(parameters))
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        fit_pixel_data_and_save(
            str(folder),
            name,
            param_file_name="parameters.json",
            fit_channel_sum=True,
            fit_channel_each=True,
            param_channel_list=["parameters.json"] * 2,
            incident_energy=ENERGY,
            save_txt=True,
            save_tiff=True,
            dask_client=client,
        )
    np.savez(folder / "expected.npz", **truth)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
