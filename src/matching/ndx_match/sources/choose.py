"""Choose the ROI table and the projection image of a session, or list them if the user has to choose."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from ..errors import AmbiguousInputError, InputError
from ..folders import SessionFacts, is_folder, names_folder
from ..model import as_texts
from ..storage.remote import is_url, public_name, same_place
from ..suggestions import did_you_mean
from .candidates import FileContents, ImageCandidate, TableCandidate, with_masks
from .layouts import Layout
from .masks import z_planes
from .orientation import TRANSPOSE

NO_IMAGE = "none"  #: in place of an image: register by the ROIs alone
#: Names of projection images, most trusted first: mean images, then other projections.
IMAGE_NAMES = (
    "average_image", "average_projection", "avg_projection", "mean_image", "meanimg", "mean", "average",
    "max_projection", "maximum_projection", "max_image", "maximg", "max",
)  # fmt: skip

Candidate = TypeVar("Candidate", TableCandidate, ImageCandidate)


@dataclass(frozen=True)
class SourceOptions:
    """What to take from every file.

    Examples
    --------
    >>> import ndx_match
    >>> options = ndx_match.SourceOptions(all_rois=True, checksum=False)
    >>> sessions = ndx_match.read_sessions("sessions", options)
    """

    plane: str | None = None  #: name of the imaging plane
    roi_table: str | None = None  #: path in the file, or its last parts
    image: str | None = None  #: path in the file, or its last parts; `none` to register by the ROIs alone
    #: Which data are stored [col, row], as `masks`, `image`, `both` or `none`; None means that this is decided from the
    #: convention of the program that wrote the file, and from the data.
    transpose: str | None = None
    #: The value of `transpose` for single files, as (file, value); a file is given by its path or the path's end.
    transpose_file: tuple[tuple[str, str], ...] = ()
    #: Files, by their path or its end, that show the field mirrored: columns of masks and image are in reverse order.
    mirror: tuple[str, ...] = ()
    image_required: bool = False  #: refuse files without a projection image; else they are registered by the ROIs alone
    all_rois: bool = False  #: take every ROI, not only the accepted ones
    where: tuple[str, ...] = ()  #: conditions that ROIs must meet to be accepted, for example `iscell>0.5`
    #: The plane (z) to take if voxel masks lie in several; `all` projects them onto one plane.
    z_plane: int | str | None = None
    allow_different_subjects: bool = False  #: do not refuse files of different animals
    #: Compute the SHA-256 of each file; for a file on the network, take the checksum that its archive recorded, if any.
    checksum: bool = True
    #: From folders on DANDI, take only these sessions, given by labels, their first parts, or patterns with `*`.
    sessions: tuple[str, ...] = ()
    #: Start times of sessions that are folders of other programs, as (folder, time in ISO 8601). The folder is given by
    #: its path or consecutive parts of it; it may be empty if there is only one.
    session_starts: tuple[tuple[str, str], ...] = ()
    session_table: tuple[SessionFacts, ...] = ()  #: metadata of such sessions; it may list other sessions too

    def __post_init__(self) -> None:
        for name in ("mirror", "where", "sessions"):
            object.__setattr__(self, name, as_texts(getattr(self, name)))
        for name in ("transpose_file", "session_starts"):
            object.__setattr__(self, name, _as_pairs(name, getattr(self, name)))
        for choice in (self.transpose, *(choice for _, choice in self.transpose_file)):
            if choice is not None and choice not in TRANSPOSE:
                raise InputError(f"--transpose {choice} is not one of {', '.join(TRANSPOSE)}.")
        if self.all_rois and self.where:
            raise InputError("--all-rois and --where exclude each other; give one of them.")
        for folder, start in self.session_starts:
            SessionFacts(folder, start)  # raises InputError if this is no date

    def transposition_of(self, location: str | os.PathLike[str]) -> str | None:
        """The value of `transpose` for a file."""
        chosen = [choice for name, choice in self.transpose_file if _is_named(location, name)]
        return chosen[-1] if chosen else self.transpose

    def is_mirrored(self, location: str | os.PathLike[str]) -> bool:
        """Whether a file is one of `mirror`."""
        return any(_is_named(location, name) for name in self.mirror)

    def check_files(self, locations: Sequence[str | os.PathLike[str]]) -> None:
        """Raise InputError if an option names a file that is not among these, or names several of them."""
        for option, name in (
            *(("--transpose", name) for name, _ in self.transpose_file),
            *(("--mirror", name) for name in self.mirror),
        ):
            names = [public_name(location) for location in locations if _is_named(location, name)]
            if len(names) != 1:
                listed = ", ".join(names or map(public_name, locations))
                number = f"{len(names)} files have" if names else "no file has"
                raise InputError(f"{option} {name}: {number} this name; give the name of one of: {listed}.")
        folders = [location for location in locations if is_folder(location)] if self.session_starts else []
        for name, start in self.session_starts:
            n_named = sum(not name or names_folder(folder, name) for folder in folders)
            if n_named != 1:
                argument = f"--session-start {name}{'=' * bool(name)}{start}"
                if not folders:
                    raise InputError(
                        f"{argument}: all sessions are NWB files, which state when they began; leave it out."
                    )
                problem = f"{n_named} folders are meant" if n_named else "no folder has this name"
                raise InputError(
                    f"{argument}: {problem}; write FOLDER=TIME for one of: {', '.join(map(str, folders))}."
                )


def _as_pairs(name: str, values: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of a file and a value, also from a mapping."""
    pairs = tuple(tuple(pair) for pair in (values.items() if isinstance(values, Mapping) else values))
    if isinstance(values, str) or any(len(pair) != 2 for pair in pairs):
        raise TypeError(f"{name} must hold pairs, for example {name}={{'day1.nwb': ...}}, and was {values!r}")
    return tuple((str(file), value) for file, value in pairs)


def given_options(options: SourceOptions | None) -> SourceOptions:
    """The options, or the defaults if they are not given; TypeError if they are something else."""
    if not isinstance(options, SourceOptions | None):
        raise TypeError(f"options must be ndx_match.SourceOptions(...), and was {type(options).__name__}")
    return options or SourceOptions()


def _is_named(location: str | os.PathLike[str], name: str) -> bool:
    """Whether a name means a file: its path as given or shown, another path to it, or the path's last parts."""
    if name in (str(location), public_name(location)) or same_place(location) == same_place(name):
        return True
    path = unquote(urlsplit(str(location)).path) if is_url(location) else Path(location).as_posix()
    return bool(name) and path.endswith(f"/{name}")


def choose_table(contents: FileContents, options: SourceOptions, where: str, layout: Layout) -> TableCandidate:
    """The ROI table to match: the table at the usual place of the program that wrote the file, or the only table.

    Tables without masks are ignored. Raises InputError if there is no table (of the given name), and
    AmbiguousInputError if several are left.
    """
    tables: Sequence[TableCandidate] = contents.tables
    if not tables:
        raise InputError(f"{where}: there is no ROI table (PlaneSegmentation) in this file.")
    if options.roi_table is not None:
        tables = _by_path(tables, options.roi_table, "ROI table", "--roi-table", where)
    if options.plane is not None:
        of_plane = [table for table in tables if table.belongs_to(options.plane)]
        if not of_plane:
            planes = sorted({table.plane for table in contents.tables})
            raise InputError(
                f"{where}: no ROI table belongs to a plane {options.plane!r}{did_you_mean(options.plane, planes)}; "
                f"give --plane one of: {', '.join(planes)}."
            )
        tables = of_plane
    tables = with_masks(tables)
    if options.roi_table is None:
        tables = [table for table in tables if layout.holds(table)] or tables
    if len(tables) > 1 and not tables[0].has_masks:
        paths = ", ".join(table.path for table in tables)
        raise InputError(f"{where}: none of the ROI tables has masks of ROIs ({paths}); leave this session out.")
    if len(tables) > 1:
        names = sorted({table.plane for table in tables})
        paths = ", ".join(table.path for table in tables)
        if len(names) == len(tables):
            hint = (
                f"choose a plane with --plane: {', '.join(names)}, or match each with `ndx-match write --all-planes` "
                f"(ROI tables: {paths})"
            )
        else:
            hint = f"choose one with --roi-table: {paths}"
        raise AmbiguousInputError(f"{where}: there are {len(tables)} ROI tables; {hint}.")
    table = tables[0]
    if table.n_rois == 0:
        raise InputError(f"{where}: the ROI table {table.path} is empty; leave this session out.")
    names = list(table.table.colnames)
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{where}: the ROI table {table.path} lists the column {double} twice; repair the file.")
    namesake = next((o for o in contents.tables if o is not table and o.table.object_id == table.table.object_id), None)
    if namesake is not None:
        raise InputError(
            f"{where}: the ROI tables {table.path} and {namesake.path} have the same object id; repair the file."
        )
    if not table.mask_kind:
        columns = ", ".join(table.table.colnames)
        raise InputError(
            f"{where}: the ROI table {table.path} has no masks that can be read (image_mask, pixel_mask or "
            f"voxel_mask), only the columns: {columns or 'none'}."
        )
    if table.mask_kind == "image_mask" and table.mask_shape is None:
        raise InputError(f"{where}: the image masks of {table.path} are not two-dimensional; repair the file.")
    return table


def choose_image(
    contents: FileContents, table: TableCandidate, options: SourceOptions, where: str, layout: Layout
) -> ImageCandidate | None:
    """The projection image of the table's plane with the size of the masks; if there are several, the most trusted.

    None if there is no image, or if the session is to be registered without one. Raises InputError if there is no image
    but one is required, or no image of the masks' size or of the given name; AmbiguousInputError if several are left.
    """
    images: Sequence[ImageCandidate] = contents.images
    if options.image is None:
        images = _not_of_others(images, contents, table, layout)
    if options.image_required and (options.image == NO_IMAGE or not images):
        lack = "--image none" if images else "there is no projection image (Image, GrayscaleImage) in this file"
        raise InputError(
            f"{where}: {lack}, but the method nway needs an image to register the session; --method consensus can "
            "register it by its ROIs alone."
        )
    if options.image == NO_IMAGE or (not images and options.image is None):
        return None
    if not images:
        other = f" but {contents.coloured[0]}, which is not grayscale" if contents.coloured else ""
        raise InputError(f"{where}: there is no image {options.image!r}, and no other image{other}; leave out --image.")
    if options.image is not None:
        with_suffix = f"{options.image}{layout.suffix_of(table)}"
        suffixed = [image for image in images if f"/{image.path}".endswith(f"/{with_suffix.strip('/')}")]
        images = suffixed or _by_path(images, options.image, "image", "--image", where)
    images = _nearest(images, table)
    if table.mask_shape is not None:
        images = _of_size(images, table, where, other_image(contents, options))
    if len(images) > 1 and options.image is None:
        images = _most_trusted(images, (*layout.images_of(table, options.z_plane), *layout.images, *IMAGE_NAMES))
    if len(images) > 1:
        paths = ", ".join(image.path for image in images)
        raise AmbiguousInputError(f"{where}: there are {len(images)} images; choose one with --image: {paths}.")
    return images[0]


def choose_z_plane(table: TableCandidate, options: SourceOptions, where: str) -> int | None:
    """The plane (z) from which voxel masks are taken; None if all lie in one plane or are to be projected.

    Raises InputError if no mask lies in the chosen plane, AmbiguousInputError if there are several and none was chosen.
    """
    if table.mask_kind != "voxel_mask" or options.z_plane == "all":
        return None
    planes = z_planes(table.table, f"{where}, {table.path}")
    listed = ", ".join(map(str, planes))
    if options.z_plane is not None and options.z_plane not in planes:
        raise InputError(
            f"{where}: no voxel mask of {table.path} lies in z plane {options.z_plane}, only in: {listed}."
        )
    if options.z_plane is None and len(planes) > 1:
        raise AmbiguousInputError(
            f"{where}: the voxel masks of {table.path} lie in several planes (z); choose one with --z-plane: {listed}, "
            "project them with --z-plane all, or match each with `ndx-match write --all-planes`."
        )
    return None if options.z_plane is None else int(options.z_plane)


def other_image(contents: FileContents, options: SourceOptions) -> str:
    """A phrase that says what to do if an image cannot be used."""
    alone = f"{'--method consensus ' * options.image_required}--image {NO_IMAGE} to register by the ROIs alone"
    return f"choose another image with --image, or give {alone}" if len(contents.images) > 1 else f"give {alone}"


def _of_size(
    images: Sequence[ImageCandidate], table: TableCandidate, where: str, remedy: str
) -> Sequence[ImageCandidate]:
    """The images of the masks' size; if there are none, those whose size is that of the transposed masks."""
    assert table.mask_shape is not None
    for shape in (table.mask_shape, table.mask_shape[::-1]):
        fitting = [image for image in images if image.shape == shape]
        if fitting:
            return fitting
    sizes = ", ".join(f"{image.path} {_size(image.shape)}" for image in images)
    raise InputError(
        f"{where}: image and masks differ in size: the masks of {table.path} have {_size(table.mask_shape)}, "
        f"but there is only {sizes}; {remedy}."
    )


def _not_of_others(
    images: Sequence[ImageCandidate], contents: FileContents, table: TableCandidate, layout: Layout
) -> Sequence[ImageCandidate]:
    """The images that are not those of other tables, according to the endings of their names."""
    suffix = layout.suffix_of(table)
    others = {
        name
        for other in contents.tables
        if layout.holds(other) and layout.suffix_of(other) != suffix
        for name in layout.images_of(other)
    }
    return [image for image in images if image.path.split("/")[-1] not in others]


def _most_trusted(images: Sequence[ImageCandidate], names: Sequence[str]) -> Sequence[ImageCandidate]:
    for name in names:
        candidates = [image for image in images if f"/{image.path}".lower().endswith(f"/{name}".lower())]
        if candidates:
            return candidates
    return images


def _by_path(candidates: Sequence[Candidate], path: str, what: str, option: str, where: str) -> Sequence[Candidate]:
    inner_path = path.strip("/")
    exact = [candidate for candidate in candidates if candidate.path == inner_path]
    selected = exact or [candidate for candidate in candidates if f"/{candidate.path}".endswith(f"/{inner_path}")]
    if not selected:
        paths = ", ".join(candidate.path for candidate in candidates)
        raise InputError(f"{where}: there is no {what} {path!r}; give {option} one of: {paths}.")
    return selected


def _nearest(images: Sequence[ImageCandidate], table: TableCandidate) -> Sequence[ImageCandidate]:
    """The images with the plane's name in their path; if there are none, those whose path is most like the table's."""
    of_plane = [image for image in images if table.plane and table.plane in image.path.split("/")]
    if of_plane:
        return of_plane
    shared = [len(posixpath.commonpath([image.path, table.path])) for image in images]
    return [image for image, n in zip(images, shared, strict=True) if n == max(shared)]


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} rows x {shape[1]} columns"
