"""The same maps in every supported format, written by the program or library that users get the files from."""

from __future__ import annotations

import contextlib
import gzip
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import rasterio
import tifffile
import zarr
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning

LABELS = ["Ca-K", "Fe-Ka", "Pb-L"]
PYMCA = ["Ca K", "Fe Ka", "Pb L"]
HEIGHT, WIDTH = 5, 7
# Maps that differ from their rotated and mirrored copies, with integer values, which every format can store.
MAPS = (
    np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    + 100.0 * np.arange(1, 4)[:, None, None]
    + 50 * np.eye(HEIGHT, WIDTH)
).astype(np.float32)
ERRORS = np.sqrt(MAPS)


def pymca(folder: Path, maps: np.ndarray = MAPS, *, multipage: bool = True, chisq: bool = False) -> Path:
    """Write all files of PyMca's batch fit with PyMca's own writer, and return the folder."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from PyMca5.PyMcaPhysics.xrf.XRFBatchFitOutput import OutputBuffer

        formats = {"h5": True, "tif": True, "edf": True, "csv": True, "dat": True}
        out = OutputBuffer(
            outputDir=str(folder), outputRoot="IMAGES", fileEntry="painting", multipage=multipage, **formats
        )
        with out.saveContext():
            out.allocateMemory(
                "parameters", data=maps, labels=PYMCA, groupAttrs={"default": True, "errors": "uncertainties"}
            )
            out.allocateMemory("uncertainties", data=np.sqrt(maps), labels=PYMCA)
            out.allocateMemory("massfractions", data=maps / 1000, labels=PYMCA)
            if chisq:
                out.allocateMemory("chisq", data=maps[0] / 7)
    return folder


def pymca_hdf5(folder: Path) -> Path:
    return pymca(folder) / "IMAGES.h5"


def pymca_csv(folder: Path) -> Path:
    return pymca(folder) / "IMAGES" / "painting.csv"


def pymca_dat(folder: Path) -> Path:
    return pymca(folder) / "IMAGES" / "painting.dat"


def pymca_pages(folder: Path) -> Path:
    return pymca(folder) / "IMAGES" / "painting.tif"


def pymca_edf(folder: Path) -> Path:
    return pymca(folder) / "IMAGES" / "painting.edf"


def pymca_folder(folder: Path) -> Path:
    return pymca(folder, multipage=False) / "IMAGES"


def ewoksfluo(folder: Path) -> Path:
    """Write the layout of a fit of ewoksfluo after its regrid task, which adds axes with units."""
    path = folder / "fit.h5"
    with h5py.File(path, "w") as file:
        results = file.create_group("2.1/fit/results")
        file["2.1"].attrs["NX_class"] = "NXentry"
        for name, values in (("parameters", MAPS), ("uncertainties", ERRORS), ("mass_fractions", MAPS / 1000)):
            group = results.create_group(name)
            group.attrs.update({"NX_class": "NXdata", "signal": "Ca_K", "axes": ["samy", "samz"]})
            group.attrs["auxiliary_signals"] = ["Fe_Ka", "Pb_L"]
            for label, one in zip(("Ca_K", "Fe_Ka", "Pb_L"), values, strict=True):
                group[label] = one
            for axis, size in (("samy", HEIGHT), ("samz", WIDTH)):
                group[axis] = 1000 + 250.0 * np.arange(size)
                group[axis].attrs["units"] = "um"
    return path


def ewoksfluo_stack(folder: Path) -> Path:
    """Write the layout of three scans that ewoksfluo regrids to a stack; the second is that of the other formats."""
    path = folder / "stack.h5"
    with h5py.File(path, "w") as file:
        results = file.create_group("1.1/regrid/results")
        file["1.1"].attrs["NX_class"] = "NXentry"
        file["1.1/regrid/program"] = "ewoksfluo"
        for name, values in (("parameters", MAPS), ("uncertainties", ERRORS)):
            group = results.create_group(name)
            group.attrs.update({"NX_class": "NXdata", "signal": "Ca_K", "axes": ["energy", "samz", "samy"]})
            group.attrs["auxiliary_signals"] = ["Fe_Ka", "Pb_L"]
            for label, one in zip(("Ca_K", "Fe_Ka", "Pb_L"), values, strict=True):
                group[label] = np.stack([one / 2, one, one / 4])
            for axis, size, unit in (("energy", 3, "keV"), ("samz", HEIGHT, "um"), ("samy", WIDTH, "um")):
                group[axis] = 250.0 * np.arange(size)
                group[axis].attrs["units"] = unit
    return path


def pymca_roi(folder: Path) -> Path:
    """Write the layout of PyMca's batch of regions of interest with PyMca's own writer."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from PyMca5.PyMcaPhysics.xrf.XRFBatchFitOutput import OutputBuffer

        out = OutputBuffer(outputDir=str(folder), outputRoot="ROIS", fileEntry="scan", fileProcess="roi_sum", h5=True)
        names = [f"ROI {name}{net}" for net in ("", " Net") for name in PYMCA]
        with out.saveContext():
            out.allocateMemory(
                "roisum", data=np.concatenate([MAPS + 7, MAPS]), labels=names, groupAttrs={"default": True}
            )
    return folder / "ROIS.h5"


def pyxrf(folder: Path) -> Path:
    path = folder / "scan2D_1.h5"
    with h5py.File(path, "w") as file:
        for detector in ("detsum", "det1"):
            group = file.create_group(f"xrfmap/{detector}")
            group["xrf_fit"] = np.concatenate([MAPS, MAPS[:1] / 2]) * (1 if detector == "detsum" else 0.5)
            group["xrf_fit_name"] = np.array([b"Ca_K", b"Fe_Ka", b"Pb_L", b"compton"])
    return path


def xrf_maps(folder: Path) -> Path:
    path = folder / "scan.mda.h5"
    with h5py.File(path, "w") as file:
        for analysis, factor in (("ROI", 3), ("Fitted", 1)):
            group = file.create_group(f"MAPS/XRF_Analyzed/{analysis}")
            group.create_dataset("Counts_Per_Sec", data=factor * MAPS.astype(np.float64), chunks=(1, 3, 4))
            group["Channel_Names"] = np.array([b"Ca", b"Fe_Ka", b"Pb_L"], dtype="S256")
    return path


def maps_v9(folder: Path) -> Path:
    """Write the layout of version 9 of MAPS."""
    path = folder / "scan.h5"
    with h5py.File(path, "w") as file:
        for name, factor in (("XRF_roi", 3), ("XRF_roi_plus", 2), ("XRF_fits", 1)):
            file[f"MAPS/{name}"] = factor * MAPS
        file["MAPS/channel_names"] = np.array([b"Ca", b"Fe_Ka", b"Pb_L"], dtype="S10")
        file["MAPS/XRF_roi_quant"] = np.ones((3, 1, 3))
        file["MAPS/mca_arr"] = np.zeros((16, HEIGHT, WIDTH), np.float32)
    return path


def xrmmap(folder: Path) -> Path:
    """Write the layout of version 2.1 of GSECARS' maps, as larch does."""
    path = folder / "scan_001.h5"
    with h5py.File(path, "w") as file:
        root = file.create_group("xrmmap")
        root.attrs.update(
            {"Version": "2.1.0", "Map_Folder": "scan", "Dimension": "2", "Start_Time": "", "Last_Row": "4"}
        )
        for name, kind in (("roimap", "roi maps"), ("config", "scan config"), ("work", "virtual detectors for work")):
            root.create_group(name).attrs["type"] = kind
        for detector, factor in (("mca1", 0.5), ("mcasum", 1)):
            group = root.create_group(f"roimap/{detector}")
            group.attrs["type"] = "virtual mca detector"
            for name, one in zip(("Ca K", "Fe Ka", "Pb L"), MAPS * factor, strict=True):
                group.create_dataset(f"{name}/raw", data=(one / 2).astype(np.uint32), compression="gzip")
                group.create_dataset(f"{name}/cor", data=one, maxshape=(None, WIDTH), chunks=(2, 4))
                group[f"{name}/limits"] = [1.0, 2.0]
        names = [b"I0", b"Ca K", b"Fe Ka", b"Pb L"]
        root["roimap/sum_name"] = np.array(names, "S20")
        for kind, factor in (("cor", 1), ("raw", 0.5)):
            root[f"roimap/sum_{kind}"] = np.moveaxis(np.concatenate([MAPS[:1] * 0, MAPS]) * factor, 0, -1)
    return path


def datamuncher(folder: Path) -> Path:
    path = folder / "maps.dms"
    head = f"3\n{WIDTH} {HEIGHT} {len(MAPS)}\n".encode()
    path.write_bytes(head + MAPS.astype("<f4").tobytes() + b"Ca K\nFe Ka\nPb L")
    return path


def datamuncher_text(folder: Path) -> Path:
    """Write six values a line, as IDL prints them."""
    path = folder / "maps.ims"
    values = [f"{value:13.6G}" for value in MAPS.ravel()]
    lines = ["".join(values[start : start + 6]) for start in range(0, len(values), 6)]
    path.write_text("\n".join(["2", f"{WIDTH} {HEIGHT} {len(MAPS)}", *lines, "Ca-K", "Fe-Ka", "Pb-L", ""]))
    return path


def datastack(folder: Path) -> Path:
    """Write an older and a newer result as maxrf4u does, which adds an underscore to the names of the newer one."""
    path = folder / "maps.datastack"
    store = zarr.storage.ZipStore(path, mode="w")
    root = zarr.create_group(store)
    root.create_array("nmf_elementmaps", data=MAPS[:2] / 2, chunks=(1, 4, 4))
    root.create_array("nmf_atomnums", data=np.array([20, 26]))
    root.create_array("nmf_elementmaps_", data=MAPS, chunks=(1, 4, 4))
    root.create_array("nmf_elements", data=np.array(["Ca_K", "Fe_Ka", "Pb_L"]))
    store.close()
    return path


def tiff_folder(folder: Path) -> Path:
    maps = folder / "maps"
    maps.mkdir()
    for label, one, error in zip(LABELS, MAPS, ERRORS, strict=True):
        tifffile.imwrite(maps / f"{label}.tif", one)
        tifffile.imwrite(maps / f"s({label}).tif", error)
    return maps


def edf_folder(folder: Path) -> Path:
    import fabio

    maps = folder / "maps"
    maps.mkdir()
    for label, one, error in zip(LABELS, MAPS, ERRORS, strict=True):
        fabio.edfimage.EdfImage(data=one).write(str(maps / f"{label}.edf"))
        fabio.edfimage.EdfImage(data=error).write(str(maps / f"s{label}.edf"))
    return maps


def edf_gz_folder(folder: Path) -> Path:
    maps = edf_folder(folder)
    for file in sorted(maps.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    return maps


def text_folder(folder: Path) -> Path:
    """Write matrices as PyXRF does, with the positions of the scanner next to them."""
    maps = folder / "maps"
    maps.mkdir()
    for label, one, error in zip(["Ca_K", "Fe_Ka", "Pb_L"], MAPS, ERRORS, strict=True):
        np.savetxt(maps / f"detsum_fit_{label}.txt", one)
        np.savetxt(maps / f"detsum_fit_s{label}.txt", error)
    return maps


def png_folder(folder: Path) -> Path:
    maps = folder / "maps"
    maps.mkdir()
    for label, one in zip(LABELS, MAPS, strict=True):
        Image.fromarray(one.astype(np.uint16)).save(maps / f"{label}.png")
    return maps


def imagej(folder: Path) -> Path:
    path = folder / "stack.tif"
    tifffile.imwrite(path, MAPS, imagej=True, metadata={"axes": "ZYX", "Labels": LABELS})
    return path


def ome_tiff(folder: Path) -> Path:
    path = folder / "maps.ome.tif"
    size = {f"PhysicalSize{axis}": 250 for axis in "XY"} | {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    tifffile.imwrite(path, MAPS, metadata={"axes": "CYX", "Channel": {"Name": LABELS}, **size})
    return path


def geotiff(folder: Path) -> Path:
    path = folder / "maps.tif"
    shape = {"count": 3, "height": HEIGHT, "width": WIDTH, "dtype": "float32"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **shape) as file:
            file.write(MAPS)
            file.descriptions = LABELS
    return path


def netcdf(folder: Path) -> Path:
    """Write a scan with xarray, in the classic format."""
    from xrfsr import as_scan

    as_scan(MAPS, LABELS, 0.25, uncertainty=ERRORS).to_netcdf(folder / "scan.nc", engine="scipy")
    return folder / "scan.nc"


def netcdf4(folder: Path) -> Path:
    """Write a scan with xarray, compressed in netCDF 4."""
    from xrfsr import as_scan

    packed = {"zlib": True, "shuffle": True, "chunksizes": (1, 3, 4)}
    as_scan(MAPS, LABELS, 0.25, uncertainty=ERRORS).to_netcdf(
        folder / "scan.nc", engine="h5netcdf", encoding={"intensity": packed, "uncertainty": packed}
    )
    return folder / "scan.nc"


def hyperspy(folder: Path) -> Path:
    """Write a cube of spectra, with each line in one channel, with the library that HyperSpy uses."""
    from rsciio.hspy import file_writer

    path = folder / "spectra.hspy"
    file_writer(str(path), _signal())
    return path


def hyperspy_maps(folder: Path) -> Path:
    """Write a signal with one line for each image, as `to_hyperspy` makes it, under a suffix of other programs."""
    from rsciio.hspy import file_writer

    path = folder / "maps.hspy"
    file_writer(str(path), signal_of_maps())
    return path.rename(folder / "maps.hdf5")


def signal_of_maps() -> dict:
    """Return the maps as a signal of HyperSpy."""
    sizes = {"line": len(MAPS), "y": HEIGHT, "x": WIDTH}
    axes = [
        {"name": name, "size": size, "offset": 0.0, "scale": 1.0, "navigate": True, "index_in_array": number}
        for number, (name, size) in enumerate(sizes.items())
    ]
    for axis in axes[1:]:
        axis.update({"offset": 1.0, "scale": 0.25, "units": "mm", "navigate": False})
    metadata = {"General": {"title": "maps"}, "Signal": {"signal_type": "", "quantity": "intensity (count)"}}
    metadata["Sample"] = {"elements": ["Ca", "Fe", "Pb"], "xray_lines": LABELS}
    return {**_signal(), "data": MAPS, "axes": axes, "metadata": metadata}


def ripple(folder: Path) -> Path:
    from rsciio.ripple import file_writer

    path = folder / "spectra.rpl"
    signal = _signal()
    signal["data"] = signal["data"].astype(np.uint16)
    file_writer(str(path), signal)
    return path


def crono(folder: Path) -> Path:
    """Write the layout that cronomaxrf documents: spectra in the order of measurement, and the index of each pixel."""
    signal = _signal()
    spectra = signal["data"].reshape(-1, signal["data"].shape[-1]).astype(np.uint16)
    order = np.random.default_rng(0).permutation(len(spectra) + 3)[: len(spectra)]
    measured = np.zeros((len(spectra) + 3, spectra.shape[1]), np.uint16)
    measured[order] = spectra
    path = folder / "scan.HDF5"
    with h5py.File(path, "w") as file:
        file["XRF/Spectra"] = measured
        file["XRF/SpectraSelectedIndex"] = order.reshape(HEIGHT, WIDTH, 1).astype(np.uint64)
        file["XRF/EnergyVector"] = np.float32(0.02 * np.arange(spectra.shape[1]))
    return path


def _signal() -> dict:
    """Return a cube with each line in the channel of its strongest emission."""
    from xrfsr.core.lines import emission, parse

    channels = 1000
    data = np.zeros((HEIGHT, WIDTH, channels))
    for label, one in zip(LABELS, MAPS, strict=True):
        line = parse(label)
        energy, _ = max((emission(line.element)[name] for name in line.transitions), key=lambda found: found[1])
        data[..., round(energy / 0.02)] = one
    sizes = {"y": HEIGHT, "x": WIDTH, "Energy": channels}
    units = {"y": "mm", "x": "mm", "Energy": "keV"}
    axes = [
        {
            "name": name,
            "size": size,
            "offset": 0.0,
            "scale": 0.02 if name == "Energy" else 0.5,
            "units": units[name],
            "navigate": name != "Energy",
            "index_in_array": number,
            "is_binned": name == "Energy",
        }
        for number, (name, size) in enumerate(sizes.items())
    ]
    return {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": "painting"}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "attributes": {"_lazy": False},
        "learning_results": {},
        "models": {},
        "tmp_parameters": {},
        "package_info": {"package": "hyperspy", "package_version": "2.3"},
    }


WRITERS: dict[str, Callable[[Path], Path]] = {
    one.__name__: one
    for one in (
        pymca_hdf5,
        pymca_csv,
        pymca_dat,
        pymca_pages,
        pymca_edf,
        pymca_folder,
        ewoksfluo,
        pyxrf,
        xrf_maps,
        datamuncher,
        datamuncher_text,
        datastack,
        tiff_folder,
        edf_folder,
        edf_gz_folder,
        text_folder,
        png_folder,
        imagej,
        geotiff,
        ome_tiff,
        hyperspy_maps,
        pymca_roi,
        maps_v9,
        xrmmap,
        netcdf,
        netcdf4,
    )
}
SPECTRA: dict[str, Callable[[Path], Path]] = {one.__name__: one for one in (hyperspy, ripple, crono)}
STACKS: dict[str, Callable[[Path], Path]] = {"ewoksfluo_stack": ewoksfluo_stack}
