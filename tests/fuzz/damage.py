"""Damage to files and folders: bytes, members, links that lead out, and objects in HDF5."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

__all__ = ["Damage", "damage_of"]

Damage = Callable[[Path, np.random.Generator, Path], str]
NUMBERS = [b"0", b"-1", b"1e9", b"99999999999", b"nan", b"3.5", b"", b"x", b"2147483648", b"null", b"[]", b"Infinity"]


def damage_bytes(path: Path, rng: np.random.Generator, outside: Path) -> str:
    """Change bytes of a file."""
    whole = bytearray(path.read_bytes())
    size = len(whole)
    kind = rng.choice(["cut", "empty", "flip", "zeros", "head", "double", "numbers", "insert"])
    at = int(rng.integers(size))
    if kind == "cut":
        del whole[at:]
    elif kind == "empty":
        whole.clear()
    elif kind == "flip":
        for place in rng.integers(size, size=int(rng.integers(1, 20))):
            whole[place] = int(rng.integers(256))
    elif kind == "zeros":
        whole[at : at + int(rng.integers(1, 2000))] = bytes(min(1000, size - at))
    elif kind == "head":
        span = min(size, int(rng.integers(1, 300)))
        whole[:span] = rng.bytes(span)
    elif kind == "double":
        whole[at:at] = whole[at : at + int(rng.integers(1, 5000))]
    elif kind == "insert":
        whole[at:at] = rng.bytes(int(rng.integers(1, 100)))
    else:
        found = list(re.finditer(rb"\d+", bytes(whole[:4000])))
        if found:
            match = found[int(rng.integers(len(found)))]
            whole[match.start() : match.end()] = NUMBERS[int(rng.integers(len(NUMBERS)))]
    path.write_bytes(bytes(whole))
    return str(kind)


def damage_hdf5(path: Path, rng: np.random.Generator, outside: Path) -> str:
    """Replace an object in HDF5, so that the file is valid but has unexpected content, perhaps from `outside`."""
    secret = outside / "secret.h5"
    if not secret.exists():
        shutil.copy(path, secret)
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        name = names[int(rng.integers(len(names)))]
        item = file[name]
        kinds = ["delete", "rename", "loop", "dangling", "external", "number", "attribute", "no attribute", "group"]
        kinds += ["leads out"]
        if isinstance(item, h5py.Dataset):
            kinds += [
                "text",
                "complex",
                "compound",
                "flat",
                "deep",
                "scalar",
                "none",
                "huge",
                "nan",
                "infinite",
                "negative",
            ]
            kinds += ["short", "objects", "bool", "virtual", "raw"]
        kind = str(rng.choice(kinds))
        attrs = dict(item.attrs)
        values = item[()] if isinstance(item, h5py.Dataset) else np.zeros(3)
        shape = getattr(values, "shape", ())
        numeric = getattr(values, "dtype", np.dtype("O")).kind in "iuf"
        replaced: object = None
        if kind in ("attribute", "no attribute"):
            key = str(rng.choice([*attrs, "signal", "axes", "units"]))
            if kind == "no attribute":
                item.attrs.pop(key, None)
            else:
                strange = [7, "nothing", ["a", "b"], np.zeros((2, 2)), b"\xff\xfe", h5py.Empty("f")]
                item.attrs[key] = strange[int(rng.integers(len(strange)))]
            return f"{kind} {key} of {name}"
        if kind == "rename":
            file.move(name, name + rng.choice(["x", " ", "é"]))
            return f"{kind} {name}"
        if kind in ("nan", "infinite", "negative") and numeric:
            replaced = np.full(shape, {"nan": np.nan, "infinite": np.inf, "negative": -1.0}[kind])
        elif kind == "short" and shape:
            replaced = values[: shape[0] - 1]
        del file[name]
        if kind == "loop":
            file[name] = h5py.SoftLink("/" + name)
        elif kind == "dangling":
            file[name] = h5py.SoftLink("/nowhere")
        elif kind == "external":
            file[name] = h5py.ExternalLink("nowhere.h5", "/x")
        elif kind == "leads out":
            file[name] = h5py.ExternalLink(str(secret), f"/{name}")
        elif kind == "virtual" and shape and numeric:
            layout = h5py.VirtualLayout(shape, values.dtype)
            layout[...] = h5py.VirtualSource(str(secret), f"/{name}", shape)
            file.create_virtual_dataset(name, layout)
        elif kind == "raw" and shape and numeric:
            (outside / "secret.raw").write_bytes(values.tobytes())
            external = [(str(outside / "secret.raw"), 0, values.nbytes)]
            file.create_dataset(name, shape, values.dtype, external=external)
        elif kind == "group":
            file.create_group(name)
        elif kind == "huge":
            file.create_dataset(name, (100_000,) * max(1, len(shape)), "f8", chunks=(10,) * max(1, len(shape)))
        elif kind == "none":
            file[name] = h5py.Empty("f")
        elif kind == "objects":
            file.create_dataset(name, data=["a", "b"], dtype=h5py.string_dtype())
        elif kind != "delete":
            others = {
                "number": 3,
                "text": np.full(shape, b"abc"),
                "complex": np.zeros(shape, complex),
                "compound": np.zeros(shape, [("a", "f4"), ("b", "i2")]),
                "bool": np.zeros(shape, bool),
                "flat": np.zeros(int(np.prod(shape))),
                "deep": np.zeros((1, 1, *shape)),
                "scalar": 1.5,
            }
            file[name] = others.get(kind, 0) if replaced is None else replaced
        if name in file and kind not in ("loop", "dangling", "external", "leads out"):
            file[name].attrs.update(attrs)
        return f"{kind} {name}"


def damage_folder(path: Path, rng: np.random.Generator, outside: Path) -> str:
    """Change, remove, exchange or replace one file of a folder; a link may lead to an intact copy in `outside`."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    file = files[int(rng.integers(len(files)))]
    kinds = ["bytes", "bytes", "bytes", "delete", "rename", "folder", "loop", "other", "swap", "copy"]
    kinds += ["link out", "link folder out", "link to a device", "pipe", "link to a pipe", "stranger"]
    kind = str(rng.choice(kinds))
    if kind == "bytes":
        return f"{damage_bytes(file, rng, outside)} in {file.relative_to(path)}"
    done = f"{kind} {file.relative_to(path)}"
    other = files[int(rng.integers(len(files)))]
    if kind == "other":
        shutil.copy(other, file.with_name(f"Q{file.name}"))
    elif kind == "stranger":
        file.with_name("notes.txt").write_text("keep me")
    elif kind == "rename":
        file.rename(file.with_name(str(rng.choice(["ü", "a b", "Xx-K", "-"])) + file.suffix))
    elif kind in ("swap", "copy"):
        mine, theirs = file.read_bytes(), other.read_bytes()
        file.write_bytes(theirs)
        if kind == "swap":
            other.write_bytes(mine)
    elif kind == "link folder out":
        folder = file.parent
        if folder == path:
            return "nothing"
        copy = outside / "folder"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        shutil.rmtree(folder)
        folder.symlink_to(copy)
    else:
        shutil.copy(file, outside / "secret")
        file.unlink()
        if kind == "folder":
            file.mkdir()
        elif kind == "loop":
            file.symlink_to(file)
        elif kind == "link out":
            file.symlink_to(outside / "secret")
        elif kind == "link to a device":
            file.symlink_to(str(rng.choice(["/dev/zero", "/dev/stdin", "/dev/urandom"])))
        elif kind == "pipe":
            os.mkfifo(file)
        elif kind == "link to a pipe":
            if not (outside / "pipe").exists():
                os.mkfifo(outside / "pipe")
            file.symlink_to(outside / "pipe")
    return done


def damage_of(path: Path) -> list[Damage]:
    """Return the kinds of damage for a file or folder."""
    if path.is_dir():
        return [damage_folder]
    return [damage_bytes, damage_hdf5, damage_hdf5] if h5py.is_hdf5(path) else [damage_bytes]
